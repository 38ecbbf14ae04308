"""Read the events of one partition's frames from a place on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from framehop.errors import LogCorruptError
from framehop.log.event_codec import decode_event
from framehop.types import EventRecord, Partition

logger = logging.getLogger(__name__)

Rows = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]

CHUNK = 512
_FROM = 'SELECT "offset", appended_us, json FROM events WHERE "offset">=? ORDER BY "offset" LIMIT ?'
_END = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name='events'), 0) + 1"


def events_of(rows: Rows, partition: Partition, since: int) -> Iterator[EventRecord]:
    """Iterate over events, as EventLog says. `rows`: runs a query. What cannot be read is passed over with a warning, since others
    go on with what is found here."""
    while found := rows(_FROM, (since, CHUNK)):
        for record in map(record_of, found):
            if record is not None and record.event.frame.topic_partition == partition:
                yield record
        since = found[-1][0] + 1


def events_end(rows: Rows) -> int:
    """Return the next offset of an event. It is never used again, even after retention took the newest event."""
    return int(rows(_END, ())[0][0])


def record_of(found: tuple[Any, ...], level: int = logging.WARNING) -> EventRecord | None:
    """Return the event of a row (offset, appended_us, json); None for one that cannot be read, as a later version wrote it,
    which is logged at `level`."""
    offset, appended_us, raw = found
    try:
        return EventRecord(event=decode_event(raw, offset), raw=raw, offset=offset, appended_us=appended_us)
    except LogCorruptError as error:
        logger.log(level, "%s, and is passed over", error)
        return None
