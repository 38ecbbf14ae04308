"""The contents of a film: a log's frames and events, without the pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from framehop import _core
from framehop.content import VIDEO, kind_of
from framehop.protocols import EventLog, FrameLog
from framehop.sinks.film import Film
from framehop.types import Event, FrameKey, FrameMeta, FramePointer

LANE = "main"
# A camera that was away for an hour, or whose clock jumped, would leave a picture standing for an hour.
MAX_PAUSE_US = 10_000_000
ODD_STEP_US = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One frame and its event. `at_us`: when it is shown, microseconds from its stream's first. `film`: what its picture is decoded
    with, if it needs others."""

    pointer: FramePointer
    at_us: int
    event: Event | None
    film: Film | None = None


def shots_by_stream(
    log: FrameLog,
    streams: Collection[str] | None = None,
    lane: str = LANE,
    since_us: int = 0,
    earlier: Counter[str] | None = None,
) -> dict[str, list[Shot]]:
    """Return the last epoch of each stream, in the log's order, or that of the screen, and without pictures; with `streams` None,
    of all streams that have frames. `since_us`: only frames captured then or later. `earlier`: counts for each stream
    those of its earlier epochs, which are left out."""
    counted: Counter[str] = Counter() if earlier is None else earlier
    metas = _last_epochs(log.scan_frames(), streams, since_us, counted)
    events = _first_events(log, {(stream, frames[0].key.epoch) for stream, frames in metas.items()}, lane)
    found = {stream: _shots(log, frames, events, since_us) for stream, frames in metas.items()}
    return {stream: shots for stream, shots in found.items() if shots}


def _shots(log: FrameLog, frames: list[FrameMeta], events: dict[FrameKey, Event], since_us: int) -> list[Shot]:
    """Return an epoch's shots. All its frames may be needed to decode those since a moment."""
    film = Film(log, frames) if _core.VIDEO and any(kind_of(meta.content_type) in VIDEO for meta in frames) else None
    wanted = [meta for meta in frames if meta.captured_us >= since_us]
    return _placed(sorted(wanted, key=lambda meta: meta.captured_us) if film else wanted, events, film)


def _last_epochs(
    frames: Iterable[FrameMeta], streams: Collection[str] | None, since_us: int, earlier: Counter[str]
) -> dict[str, list[FrameMeta]]:
    found: dict[str, list[FrameMeta]] = {}
    for meta in frames:
        stream, epoch = meta.key.stream, meta.key.epoch
        if streams is not None and stream not in streams:
            continue
        known = found.setdefault(stream, [])
        if known and epoch > known[0].key.epoch:
            earlier[stream] += sum(each.captured_us >= since_us for each in known)
            known.clear()
        if not known or epoch == known[0].key.epoch:
            known.append(meta)
        else:
            earlier[stream] += meta.captured_us >= since_us
    return found


def _first_events(log: EventLog, epochs: Collection[tuple[str, int]], lane: str) -> dict[FrameKey, Event]:
    events: dict[FrameKey, Event] = {}
    with log.events() as reader:
        for record in reader:
            event = record.event
            if event.lane == lane and (event.stream, event.epoch) in epochs:
                events.setdefault(event.key, event)
    return events


def _placed(frames: list[FrameMeta], events: dict[FrameKey, Event], film: Film | None) -> list[Shot]:
    """Place frames at their capture times, always advancing and never standing still for long."""
    shots: list[Shot] = []
    at_us = 0
    for index, meta in enumerate(frames):
        if index:
            step_us = meta.captured_us - frames[index - 1].captured_us
            at_us += min(step_us, MAX_PAUSE_US) if step_us > 0 else ODD_STEP_US
        shots.append(Shot(pointer=meta.pointer, at_us=at_us, event=events.get(meta.key), film=film))
    return shots
