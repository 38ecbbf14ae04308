"""Puts together what is known of each stream: by the pipelines that read it, and by its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from framehop.errors import InvalidArgumentError
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.types import parse_rfc3339
from framehop.web.answers import NONE, StreamRow
from framehop.web.live import FAILED_IN_A_ROW, StreamSeen

STALLED_US = 3_000_000
INTERVALS = 3  # a slow stream is stalled when so many of its usual intervals have passed
GIVEN_UP_US = 60_000_000  # a stream of which only events are known is not waited for any longer than this


def stream_rows(
    statuses: Iterable[StreamStatus], seen: Mapping[str, StreamSeen], now_us: int, asked_us: int
) -> list[StreamRow]:
    """Return a row per stream, by name. `statuses`: of those that pipelines of this host read, as they said at `asked_us`; others
    are known by their events alone."""
    read = {status.stream: status for status in statuses}
    names = sorted(read.keys() | seen.keys())
    return [_row(name, read.get(name), seen.get(name), now_us, asked_us) for name in names]


def _row(name: str, status: StreamStatus | None, seen: StreamSeen | None, now_us: int, asked_us: int) -> StreamRow:
    reason = stall_reason(status, seen, now_us, asked_us)
    health = status.health if status else None
    last = seen.last.event if seen else None
    return StreamRow(
        stream=name,
        state=status.phase if status else "seen",
        stalled=bool(reason),
        reason=reason,
        since_us=health.phase_since_us if health else 0,
        source=status.source if status else "",
        codec=health.codec if health else "",
        width=(health.width if health else 0) or (last.width if last else 0),
        height=(health.height if health else 0) or (last.height if last else 0),
        fps=health.fps if health else 0.0,
        declared_fps=health.declared_fps if health else 0.0,
        last_frame_us=(health.last_frame_us if health else 0) or _received_us(seen),
        last_event_us=seen.last_us if seen else 0,
        frames=status.acked if status else 0,
        bytes=health.bytes if health else 0,
        reconnects=health.reconnects if health else 0,
        error=status.error if status else "",
        next_try_us=health.next_try_us if health else 0,
        last_event=msgspec.Raw(seen.last.raw) if seen else NONE,
        events_per_s=seen.per_s if seen else 0.0,
        failed=seen.failed if seen else 0,
        skipped=seen.skipped if seen else 0,
    )


def _received_us(seen: StreamSeen | None) -> int:
    """Return when ingest had the frame of the newest event, by its own clock, as a camera's may be hours away."""
    try:
        return parse_rfc3339(seen.last.event.received_at) if seen else 0
    except InvalidArgumentError:
        return 0


def stall_reason(status: StreamStatus | None, seen: StreamSeen | None, now_us: int, asked_us: int) -> str:
    """Return why a stream that should be giving frames gives none; empty if all is well, or nothing is to be expected of it.
    `asked_us`: when its pipeline said how it is."""
    if status is not None and status.phase in ("retrying", "failed"):
        return status.error or f"its source is {status.phase}"
    if status is not None and status.phase not in ("running", "opening"):
        return ""
    if status is not None and (silent := _silent_source(status, asked_us)):
        return silent
    if seen is not None and seen.failing >= FAILED_IN_A_ROW:
        return f"its last {seen.failing} frames failed: {seen.last.event.reason[:200]}"
    return _silent_events(seen, now_us, read_here=status is not None)


def _silent_source(status: StreamStatus, asked_us: int) -> str:
    health = status.health
    since_us = max(health.last_frame_us, health.phase_since_us)
    rate = health.fps or health.declared_fps
    silent_us = asked_us - since_us
    if not since_us or silent_us <= _patience_us(1e6 / rate if rate else 0.0):
        return ""
    what = "is being opened" if status.phase == "opening" else "has given no frame"
    return f"its source {what} for {silent_us / 1e6:.0f} s"


def _silent_events(seen: StreamSeen | None, now_us: int, *, read_here: bool) -> str:
    if seen is None:
        return ""
    silent_us = now_us - seen.last_us
    if silent_us <= _patience_us(seen.interval_us) or (silent_us > GIVEN_UP_US and not read_here):
        return ""
    if read_here:
        return f"its frames have got no event for {silent_us / 1e6:.0f} s: detection is behind, or does not run"
    return f"no event has come for {silent_us / 1e6:.0f} s"


def _patience_us(interval_us: float) -> float:
    return max(STALLED_US, INTERVALS * interval_us)
