"""Looks at the streams for who asks for them all, and for who is told what changes."""

from __future__ import annotations

from collections.abc import Mapping

from framehop.timing import now_us
from framehop.web.answers import StreamList, StreamRow
from framehop.web.desk import Desk
from framehop.web.live import StreamSeen
from framehop.web.news import Told, told_of
from framehop.web.responses import encoded
from framehop.web.streams import stream_rows


def listed(desk: Desk, patience_s: float) -> bytes:
    """Return a StreamList as JSON. `patience_s`: what it waits for the pipelines to say how they are."""
    now, rows, _ = _rows(desk, patience_s)
    return encoded(StreamList(streams=rows, now_us=now))


def told(desk: Desk, patience_s: float) -> tuple[int, dict[str, Told]]:
    """Return the time, and what StreamNews tells of each stream; see `listed`."""
    now, rows, seen = _rows(desk, patience_s)
    return now, told_of(rows, seen)


def _rows(desk: Desk, patience_s: float) -> tuple[int, list[StreamRow], Mapping[str, StreamSeen]]:
    looked, seen = desk.sources.latest(patience_s), desk.live.streams()
    now = now_us()
    asked_us = now - int((looked.age_s or 0.0) * 1e6)
    return now, stream_rows(looked.value, seen, now, asked_us), seen
