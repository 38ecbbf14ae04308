"""Make a film of several streams side by side, as on a guard's wall."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from framehop.errors import ConfigError
from framehop.protocols import FrameLog
from framehop.sinks.annotate import named
from framehop.sinks.colours import Colours
from framehop.sinks.drawing import Size, draw_caption
from framehop.sinks.mp4 import Mp4Writer
from framehop.sinks.picture import annotated_picture
from framehop.sinks.pillow import Image
from framehop.sinks.shots import LANE, Shot, shots_by_stream

MAX_TILES = 9
SIZE: Size = (1280, 720)
PACE_US = 1_000_000
ProgressCallback = Callable[[int, int], None]


def wall(
    log: FrameLog,
    streams: Sequence[str],
    out_path: Path,
    *,
    size: Size = SIZE,
    fps: float = 12.5,
    lane: str = LANE,
    on_progress: ProgressCallback | None = None,
) -> int:
    """Write `out_path` (mp4, VP9): up to nine streams in a grid, each from the first frame of its last epoch, with boxes and a
    caption: its name, its frames per second, and how old the frame was when its boxes were ready. A stream that has ended keeps its
    last picture. Returns the number of pictures written.

    `size`: (width, height), even. `on_progress(done, total)` is called after every picture. One picture per stream is held at a
    time. Raises ConfigError, LogError, MissingExtraError, SystemCallError.
    """
    tiles = _tiles(log, streams, size, lane)
    total = math.floor(max(tile.end_us for tile in tiles) * fps / 1_000_000) + 1
    canvas = Image.new("RGB", size)
    with Mp4Writer(Path(out_path), size, rate=fps) as film:
        for index in range(total):
            at_us = round(index * 1_000_000 / fps)
            for tile in tiles:
                tile.advance(canvas, at_us)
            film.write(canvas, at_us)
            if on_progress:
                on_progress(index + 1, total)
    return total


def still(
    log: FrameLog, streams: Sequence[str], *, size: Size = SIZE, lane: str = LANE, at_us: int | None = None
) -> Image.Image:
    """Return one picture of the wall: each stream's newest frame with boxes, or its newest frame if none has any. `at_us`: only
    frames that the film shows up to then. Raises the errors of `wall` except SystemCallError."""
    canvas = Image.new("RGB", size)
    for tile in _tiles(log, streams, size, lane):
        tile.show_boxes(canvas, at_us)
    return canvas


def _tiles(log: FrameLog, streams: Sequence[str], size: Size, lane: str) -> list[_Tile]:
    if not 1 <= len(streams) <= MAX_TILES:
        raise ConfigError(f"a wall has 1 to {MAX_TILES} streams, not {len(streams)}")
    shots = shots_by_stream(log, set(streams), lane)
    if missing := [stream for stream in streams if stream not in shots]:
        raise ConfigError(f"no frames of {named(missing)} in {log.url}; streams there: {named(shots_by_stream(log))}")
    colours = Colours()
    boxes = _grid(len(streams), size)
    return [_Tile(log, stream, shots[stream], box, colours) for stream, box in zip(streams, boxes, strict=True)]


class _Tile:
    """One stream's place on the wall. It is drawn again only when its frame changes."""

    def __init__(
        self, log: FrameLog, stream: str, shots: list[Shot], box: tuple[int, int, int, int], colours: Colours
    ) -> None:
        self._log = log
        self._stream = stream
        self._shots = shots
        self._box = box
        self._colours = colours
        self._next = 0

    @property
    def end_us(self) -> int:
        return self._shots[-1].at_us

    def advance(self, canvas: Image.Image, at_us: int) -> None:
        """Show the newest frame that is due at `at_us`."""
        before = self._next
        while self._next < len(self._shots) and self._shots[self._next].at_us <= at_us:
            self._next += 1
        if self._next > before:
            self._show(canvas, self._next - 1)

    def show_boxes(self, canvas: Image.Image, at_us: int | None) -> None:
        due = [index for index, shot in enumerate(self._shots) if at_us is None or shot.at_us <= at_us] or [0]
        self._show(canvas, max((index for index in due if _has_boxes(self._shots[index])), default=due[-1]))

    def _show(self, canvas: Image.Image, index: int) -> None:
        shot = self._shots[index]
        size = (self._box[2] - self._box[0], self._box[3] - self._box[1])
        record = self._log.read_frame(shot.pointer)
        picture = annotated_picture(record, shot.event, size=size, colours=self._colours, film=shot.film)
        draw_caption(picture, f"{self._stream} · {_pace(self._shots, index)} · {_age(shot)}")
        canvas.paste(picture, self._box[:2])


def _has_boxes(shot: Shot) -> bool:
    return shot.event is not None and bool(shot.event.objects)


def _pace(shots: Sequence[Shot], index: int) -> str:
    """Return frames per second over the last second; for the first frame, from the second one."""
    if len(shots) == 1:
        return "1 frame"
    last = max(1, index)
    first = last
    while first > 0 and shots[last].at_us - shots[first - 1].at_us <= PACE_US:
        first -= 1
    if first == last:
        return "under 1 fps"
    return f"{(last - first) * 1_000_000 / max(1, shots[last].at_us - shots[first].at_us):.0f} fps"


def _age(shot: Shot) -> str:
    """Return the time from capture to boxes, which is how far a guard is behind."""
    total_ms = shot.event.stages_ms.get("total") if shot.event is not None else None
    if total_ms is None:
        return "age unknown"
    return f"{total_ms:.0f} ms old" if total_ms < 1000 else f"{total_ms / 1000:.1f} s old"


def _grid(count: int, size: Size) -> list[tuple[int, int, int, int]]:
    """Return (left, top, right, bottom) of each tile, as square as possible, row by row."""
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    xs = [size[0] * column // columns for column in range(columns + 1)]
    ys = [size[1] * row // rows for row in range(rows + 1)]
    places = [divmod(index, columns) for index in range(count)]
    return [(xs[column], ys[row], xs[column + 1], ys[row + 1]) for row, column in places]
