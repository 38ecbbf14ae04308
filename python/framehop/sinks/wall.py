"""A film of several streams side by side, as on a guard's wall."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from framehop.errors import ConfigError
from framehop.protocols import FrameLog
from framehop.sinks.annotate import named
from framehop.sinks.drawing import Size, draw_caption
from framehop.sinks.mp4 import Mp4Writer
from framehop.sinks.picture import annotated_picture
from framehop.sinks.pillow import Image
from framehop.sinks.shots import LANE, Shot, shots_by_stream

MAX_TILES = 9
ProgressCallback = Callable[[int, int], None]


def wall(
    log: FrameLog,
    streams: Sequence[str],
    out_path: Path,
    *,
    size: Size = (1280, 720),
    fps: float = 12.5,
    lane: str = LANE,
    on_progress: ProgressCallback | None = None,
) -> int:
    """Write `out_path` (mp4, VP9): up to nine streams in a grid, each from the first frame of its last epoch, with boxes and a
    caption. A stream that has ended keeps its last picture. Returns the number of pictures written.

    `size`: (width, height), even. `on_progress(done, total)` is called after every picture. One picture per stream is held at a
    time. Raises ConfigError, LogError, MissingExtraError, SystemCallError.
    """
    if not 1 <= len(streams) <= MAX_TILES:
        raise ConfigError(f"a wall has 1 to {MAX_TILES} streams, not {len(streams)}")
    shots = shots_by_stream(log, set(streams), lane)
    if missing := [stream for stream in streams if stream not in shots]:
        raise ConfigError(f"no frames of {named(missing)} in {log.url}; streams there: {named(shots_by_stream(log))}")
    boxes = _grid(len(streams), size)
    tiles = [_Tile(log, stream, shots[stream], box) for stream, box in zip(streams, boxes, strict=True)]
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


class _Tile:
    """One stream's place on the wall. Drawn again only when its frame changes."""

    def __init__(self, log: FrameLog, stream: str, shots: list[Shot], box: tuple[int, int, int, int]) -> None:
        self._log = log
        self._stream = stream
        self._shots = shots
        self._box = box
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
            canvas.paste(self._picture(self._shots[self._next - 1]), self._box[:2])

    def _picture(self, shot: Shot) -> Image.Image:
        size = (self._box[2] - self._box[0], self._box[3] - self._box[1])
        picture = annotated_picture(self._log.read_frame(shot.pointer), shot.event, size=size)
        draw_caption(picture, f"{self._stream}  {shot.at_us / 1_000_000:.1f} s")
        return picture


def _grid(count: int, size: Size) -> list[tuple[int, int, int, int]]:
    """As square as it goes, row by row: (left, top, right, bottom) each."""
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    xs = [size[0] * column // columns for column in range(columns + 1)]
    ys = [size[1] * row // rows for row in range(rows + 1)]
    places = [divmod(index, columns) for index in range(count)]
    return [(xs[column], ys[row], xs[column + 1], ys[row + 1]) for row, column in places]
