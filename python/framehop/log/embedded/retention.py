"""Drop whole segments that are too old or too much, with a record of the gap they leave, and later their events."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import apsw

from framehop.log.embedded.disk_usage import Room, measure
from framehop.log.embedded.event_retention import EventRetention
from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.options import LogOptions
from framehop.log.embedded.segments import is_broken, sync_segment
from framehop.log.embedded.write_ahead import WriteAhead
from framehop.log.locks import is_held, remove_if_free
from framehop.log.sqlite import row, rows, transaction, value
from framehop.timing import Reminder, now_us

logger = logging.getLogger(__name__)

NEVER = math.inf
SWEEP_AGAIN_S = 60.0  # after files were found that a broken disk does not let go

# Runs of consecutive seqs are recorded, so that a gap never covers a seq that was missing before.
_RUNS = """
SELECT partition, stream, epoch, min("offset"), max("offset"), min(seq), max(seq)
FROM (SELECT partition, "offset", stream, epoch, seq,
             seq - row_number() OVER (PARTITION BY stream, epoch ORDER BY seq) AS run
      FROM frames WHERE segment=?)
GROUP BY partition, stream, epoch, run ORDER BY partition, min("offset")
"""
_NEEDED_BY = """
SELECT group_name FROM offsets WHERE EXISTS(
    SELECT 1 FROM frames WHERE segment=? AND partition=offsets.partition AND "offset">=offsets."offset") LIMIT 1
"""

_CLOSE = """
UPDATE segments SET closed=1, (bytes, newest_us) =
    (SELECT coalesce(sum(bytes), 0), coalesce(max(appended_us), 0) FROM frames WHERE segment=segments.id)
WHERE id=?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    number: int
    bytes: int
    newest_us: int


class Retention:
    """Retention, applied by the flusher of processes that write, under the flusher's lock.

    A segment is dropped when it is closed (or its writer is dead), is beyond a limit, and has been read by every group, unless
    `retain_hard` is set. While no group exists every frame is still needed. The events of its frames stay until they are old
    themselves.
    """

    def __init__(self, paths: LogPaths, options: LogOptions) -> None:
        self._paths = paths
        self._options = options
        self._events = EventRetention(paths, options)
        self._warned = self._warned_of_events = False
        self._sweep_at_s = 0.0  # in monotonic seconds
        self._stuck = Reminder()

    def apply(self, ahead: WriteAhead) -> None:
        """Drop segments, oldest first, until the limits hold or nothing more may be dropped; then drop events that are due."""
        db = ahead.db
        if time.monotonic() >= self._sweep_at_s:
            self._sweep_at_s = NEVER if self._sweep(ahead) else time.monotonic() + SWEEP_AGAIN_S
        self._close_orphans(db)
        room = measure(db, self._paths)
        self._drop_segments(ahead, room)
        self._events.apply(db, hurry=self._is_crowded(room))

    def _drop_segments(self, ahead: WriteAhead, room: Room) -> None:
        """Drop one after the other, so that each makes room on a full disk before the next needs some, and so that the write-ahead
        log stays small when very many go."""
        limit, total = room.picture_limit(self._options), room.pictures
        for segment in self._closed_segments(ahead.db):
            too_much = limit is not None and total > limit
            if (too_much or self._is_old(segment)) and self._may_go(ahead.db, segment):
                planned_s, self._sweep_at_s = self._sweep_at_s, 0.0  # whatever happens before its file is gone as well
                self._drop(ahead.db, segment.number)
                gone = self._unlink(ahead, [segment.number])
                self._sweep_at_s = planned_s if gone else time.monotonic() + SWEEP_AGAIN_S
                total -= segment.bytes
                if ahead.due_in_s == 0:
                    ahead.checkpoint()

    def _unlink(self, ahead: WriteAhead, numbers: Collection[int]) -> bool:
        """Remove files whose rows are gone, once power loss cannot bring those back: a file without a row is only waste, a row
        without its file would be a loss. One that a broken disk keeps holds up no other; then this returns False."""
        if numbers:
            ahead.sync()
        stuck = [number for number in numbers if not self._is_removed(self._paths.segment(number))]
        return not stuck

    def _is_removed(self, path: Path) -> bool:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            if not is_broken(error):
                raise
            if self._stuck.due(str(path), time.monotonic()):
                logger.warning("%s cannot be removed, which is tried again: %s", path, error.strerror)
            return False
        return True

    def _is_crowded(self, room: Room) -> bool:
        crowded = room.crowded_by_events(self._options)
        if crowded and not self._warned_of_events:
            logger.warning(
                "%s: events take more than half of the log's part of the disk: the oldest go before retain_event_age_s is over. "
                "Make room, or raise retain_disk_share",
                self._paths.root,
            )
        self._warned_of_events = crowded
        return crowded

    def _sweep(self, ahead: WriteAhead) -> bool:
        """Remove the leftovers of dead processes: lock files, and segment files whose row is already gone. False: some stay."""
        # List the files first: one that is made meanwhile already has its row.
        files = {int(path.stem) for path in self._paths.frames.glob("*.seg") if path.stem.isdigit()}
        known = {number for (number,) in rows(ahead.db, "SELECT id FROM segments")}
        for lock in (*self._paths.locks.glob("w.*"), *self._paths.locks.glob("m.*")):
            remove_if_free(lock)
        return self._unlink(ahead, files - known)

    def _close_orphans(self, db: apsw.Connection) -> None:
        """Close the segments of dead writers, which may have had no time to sync what they wrote last. One that a broken disk
        refuses to sync is closed as well: the kernel gives up what it could not write, and the pictures' checksums tell."""
        for number, writer in rows(db, "SELECT id, writer FROM segments WHERE NOT closed"):
            if not is_held(self._paths.writer_lock(writer)):
                self._sync_left(self._paths.segment(number))
                with transaction(db, self._paths.index):
                    rows(db, _CLOSE, (number,))

    def _sync_left(self, path: Path) -> None:
        try:
            sync_segment(path)
        except OSError as error:
            if not is_broken(error):
                raise
            logger.warning(
                "%s: %s: what a writer that has died wrote there last may be lost, and its events are then failed, lost_data",
                path,
                error.strerror,
            )

    def _closed_segments(self, db: apsw.Connection) -> list[_Segment]:
        found = rows(db, "SELECT id, bytes, newest_us FROM segments WHERE closed ORDER BY id")
        return [_Segment(number=number, bytes=size, newest_us=newest) for number, size, newest in found]

    def _is_old(self, segment: _Segment) -> bool:
        """Return whether a segment is older than pictures are kept, or empty."""
        age_s = self._options.retain_age_s
        too_old = age_s is not None and segment.newest_us < now_us() - int(age_s * 1e6)
        return too_old or segment.bytes == 0

    def _may_go(self, db: apsw.Connection, segment: _Segment) -> bool:
        if self._options.retain_hard or segment.bytes == 0:
            return True
        if value(db, "SELECT count(*) FROM groups") == 0:
            self._warn_of("nobody has read it yet (`framehop detect` does)")
            return False
        holder = row(db, _NEEDED_BY, (segment.number,))
        if holder is not None:
            self._warn_of(f"group {holder[0]} has not read it all")
        return holder is None

    def _warn_of(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            logger.warning("%s is beyond its retention limits, but %s: the log keeps growing", self._paths.root, why)

    def _drop(self, db: apsw.Connection, number: int) -> None:
        runs = rows(db, _RUNS, (number,))  # outside the transaction, since a closed segment never changes
        with transaction(db, self._paths.index):
            for run in runs:
                _note_gap(db, run)
            rows(db, "DELETE FROM frames WHERE segment=?", (number,))
            rows(db, "DELETE FROM segments WHERE id=?", (number,))


def _note_gap(db: apsw.Connection, run: tuple[int, str, int, int, int, int, int]) -> None:
    """Record a run, or extend the gap that ends right before it, so that years of retention stay one row per epoch."""
    partition, stream, epoch, first_offset, last_offset, first_seq, last_seq = run
    rows(
        db,
        "UPDATE gaps SET last_offset=max(last_offset, ?), last_seq=? "
        "WHERE stream=? AND epoch=? AND last_seq=? AND partition=? AND reason='retention'",
        (last_offset, last_seq, stream, epoch, first_seq - 1, partition),
    )
    if db.changes() == 0:
        rows(
            db,
            "INSERT INTO gaps(reason, partition, first_offset, last_offset, stream, epoch, first_seq, last_seq)"
            " VALUES('retention',?,?,?,?,?,?,?)",
            (partition, first_offset, last_offset, stream, epoch, first_seq, last_seq),
        )
