"""Make a film of one stream with its boxes drawn in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

from framehop.errors import ConfigError
from framehop.protocols import FrameLog
from framehop.sinks.colours import Colours
from framehop.sinks.drawing import Size
from framehop.sinks.mp4 import Mp4Writer
from framehop.sinks.picture import CARD_SIZE, MAX_SIZE, annotated_picture
from framehop.sinks.shots import LANE, Shot, shots_by_stream

ProgressCallback = Callable[[int, int], None]


def annotate(
    log: FrameLog,
    out_path: Path,
    *,
    stream: str | None = None,
    lane: str = LANE,
    since_us: int = 0,
    on_progress: ProgressCallback | None = None,
    on_earlier: Callable[[int], None] | None = None,
) -> int:
    """Write `out_path` (mp4, VP9): every frame of the stream's last epoch at its capture time, with the boxes of its event in
    `lane`; a failed frame is a grey card with the reason. Returns the number of frames.

    `since_us`: only frames captured then or later, microseconds since 1970. `stream` may be left out when the log has only one.
    `on_progress(done, total)` is called after every frame, `on_earlier` once, with the number of frames that the stream's earlier
    epochs have: none of them is shown. Pictures are read one at a time. Raises ConfigError, LogError,
    MissingExtraError, SystemCallError.
    """
    earlier: Counter[str] = Counter()
    found = shots_by_stream(log, None if stream is None else {stream}, lane, since_us, earlier)
    shots = _only(found, stream, log)
    size, colours = _film_size(log, shots), Colours()
    with Mp4Writer(Path(out_path), size, rate=_rate(shots)) as film:
        for done, shot in enumerate(shots, 1):
            record = log.read_frame(shot.pointer)
            picture = annotated_picture(record, shot.event, size=size, colours=colours, film=shot.film)
            film.write(picture, shot.at_us)
            if on_progress:
                on_progress(done, len(shots))
    if on_earlier:
        on_earlier(sum(earlier[name] for name in found))
    return len(shots)


def _only(found: dict[str, list[Shot]], stream: str | None, log: FrameLog) -> list[Shot]:
    if len(found) == 1:
        return next(iter(found.values()))
    if stream is None and not found:
        raise ConfigError(f"there are no frames in {log.url}; ingest some first")
    if stream is None:
        raise ConfigError(f"{log.url} has several streams; choose one of {named(found)}")
    raise ConfigError(f"no frames of stream {stream!r} in {log.url}; streams there: {named(shots_by_stream(log))}")


def named(streams: Collection[str]) -> str:
    """List the first ten stream ids, for a message."""
    listed = ", ".join(sorted(streams)[:10]) or "none"
    return listed if len(streams) <= 10 else f"{listed} and {len(streams) - 10} more"


def _film_size(log: FrameLog, shots: list[Shot]) -> Size:
    """Return the size of the first picture that can be shown, with even sides, as 4:2:0 needs."""
    for shot in shots[:100]:
        event, record = shot.event, log.read_frame(shot.pointer)
        if (
            record is not None
            and record.meta.width
            and record.meta.height
            and (event is None or event.outcome != "failed")
        ):
            return _within(record.meta.width, record.meta.height)
    return CARD_SIZE


def _within(width: int, height: int) -> Size:
    factor = min(1.0, MAX_SIZE[0] / width, MAX_SIZE[1] / height)
    return max(16, round(width * factor) // 2 * 2), max(16, round(height * factor) // 2 * 2)


def _rate(shots: list[Shot]) -> float:
    span_us = shots[-1].at_us - shots[0].at_us
    return min(1000.0, max(1.0, (len(shots) - 1) * 1_000_000 / span_us)) if span_us else 25.0
