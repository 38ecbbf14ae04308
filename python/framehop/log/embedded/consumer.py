"""Read frames as a member of a group, and commit their events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from framehop import _core
from framehop.errors import ClosedError
from framehop.forks import HomeLock
from framehop.log.embedded.context import LogContext
from framehop.log.embedded.frame_fetcher import FrameFetcher
from framehop.log.embedded.ownership import Ownership
from framehop.log.embedded.schema import TOPIC
from framehop.log.embedded.waiting import wait_for_change
from framehop.log.event_codec import encode_event
from framehop.log.sqlite import connect, rows, transaction, translated
from framehop.protocols import BeginAt, CommitResult, PartitionsCallback, Start, Tenure, TenuresCallback
from framehop.timing import Deadline, now_us
from framehop.types import Event, FrameRecord, Partition

# ON CONFLICT DO NOTHING would use up an offset, but the audit expects an event at each.
_INSERT_EVENT = (
    "INSERT INTO events(stream, epoch, seq, lane, appended_us, json) SELECT ?1,?2,?3,?4,?5,?6 WHERE NOT EXISTS("
    "SELECT 1 FROM events WHERE stream=?1 AND epoch=?2 AND seq=?3 AND lane=?4)"
)
# The offset never moves back: a delayed commit must not undo a later one.
_MOVE = 'UPDATE offsets SET "offset"=max("offset", ?), metadata=? WHERE group_name=? AND partition=?'


class EmbeddedConsumer:
    """The log's FrameConsumer. Call `poll` and `close` from one thread, `commit`, `wake` and the properties from any.

    Partitions that another member took (because this one was stopped for longer than the session timeout) leave `assignment`
    without `on_revoke`: it is too late to finish anything. A commit that touches them reports them in `CommitResult.lost`. When a
    partition comes (back), `on_assign` is called with its tenure, and reading starts again at the committed offset.

    `close` leaves the group without calling `on_revoke`; nothing is committed.
    """

    def __init__(
        self,
        context: LogContext,
        group: str,
        *,
        member: str,
        start: Start,
        begin_at: BeginAt | None,
        on_assign: TenuresCallback | None,
        on_revoke: PartitionsCallback | None,
    ) -> None:
        self._context = context
        self._group = group
        self._begin_at = begin_at or _offset_of
        self._on_assign = on_assign or _ignore
        self._on_revoke = on_revoke or _ignore
        self._closed = False
        self._woken = False
        self._frames_read = 0
        self._commit_lock = HomeLock("this consumer of the log is")
        self._commit_db = connect(context.paths.index)
        self._fetcher = FrameFetcher(context)
        self._ownership = Ownership(context, group, member, start)

    @property
    def assignment(self) -> frozenset[Partition]:
        return _partitions(self._ownership.partitions)

    @property
    def frames_read(self) -> int:
        return self._frames_read

    def poll(self, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        deadline = Deadline.after(timeout_s)
        while True:
            self._check_open()
            sampled = self._context.bell.sample()
            self._rebalance()
            found = self._fetcher.fetch(self._ownership.tenures, max_frames) if max_frames else []
            if found or self._woken or deadline.expired:
                self._woken = False
                self._frames_read += len(found)
                return found
            wait_for_change(self._context.bell, sampled, deadline)

    def commit(
        self,
        events: Sequence[Event],
        marks: Mapping[Partition, int],
        metadata: Mapping[Partition, str] | None = None,
        tenures: Mapping[Partition, int] | None = None,
    ) -> CommitResult:
        encoded = [(event, encode_event(event)) for event in events]
        touched = frozenset(partition.number for partition in marks) | {event.frame.partition for event in events}
        numbers = None if tenures is None else {partition.number: tenure for partition, tenure in tenures.items()}
        with self._commit_lock:
            self._check_open()
            with transaction(self._commit_db, self._context.paths.index):
                lost = self._ownership.drop_lost(self._commit_db, touched, numbers)
                kept = [pair for pair in encoded if pair[0].frame.partition not in lost]
                offsets = self._insert(kept)
                _core.failpoint("event.produced")
                self._move(
                    {partition: mark for partition, mark in marks.items() if partition.number not in lost}, metadata
                )
                _core.failpoint("offsets.stored")
        self._context.maintenance.mark()
        self._context.bell.ring()
        return CommitResult(lost=_partitions(lost), duplicates=len(kept) - len(offsets), offsets=offsets)

    def positions(self) -> dict[Partition, int]:
        with self._commit_lock:
            self._check_open()
            with translated(self._context.paths.index):
                found = rows(
                    self._commit_db, 'SELECT partition, "offset" FROM offsets WHERE group_name=?', (self._group,)
                )
        mine = self._ownership.partitions
        return {Partition(TOPIC, number): offset for number, offset in found if number in mine}

    def wake(self) -> None:
        self._woken = True
        self._context.bell.ring()

    def close(self) -> None:
        if self._commit_lock.left:
            return
        with self._commit_lock:
            if self._closed:
                return
            self._closed = True
            self._commit_db.close()
        self._ownership.close()
        self._fetcher.close()

    @property
    def closed(self) -> bool:
        return self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        self._commit_lock.check()
        if self._closed:
            raise ClosedError("this consumer of the log is closed")

    def _rebalance(self) -> None:
        gained = self._ownership.refresh(lambda numbers: self._on_revoke(_partitions(numbers)))
        if gained:
            tenures = {Partition(TOPIC, number): tenure for number, tenure in gained.items()}
            self._fetcher.seek(
                {
                    partition.number: min(tenure.offset, self._begin_at(partition, tenure))
                    for partition, tenure in tenures.items()
                }
            )
            self._on_assign(tenures)

    def _insert(self, encoded: Sequence[tuple[Event, bytes]]) -> dict[str, int]:
        """Insert events and return the offsets of those whose ids the log did not have, since the first event per id wins."""
        offsets: dict[str, int] = {}
        appended = now_us()
        for event, raw in encoded:
            rows(self._commit_db, _INSERT_EVENT, (event.stream, event.epoch, event.seq, event.lane, appended, raw))
            if self._commit_db.changes():
                offsets[event.event_id] = self._commit_db.last_insert_rowid()
        return offsets

    def _move(self, marks: Mapping[Partition, int], metadata: Mapping[Partition, str] | None) -> None:
        for partition, mark in marks.items():
            note = (metadata or {}).get(partition, "")
            rows(self._commit_db, _MOVE, (mark, note, self._group, partition.number))


def _partitions(numbers: Iterable[int]) -> frozenset[Partition]:
    """Convert numbers to Partitions. Inside this log a number is enough, since there is one topic."""
    return frozenset(Partition(TOPIC, number) for number in numbers)


def _offset_of(_partition: Partition, tenure: Tenure) -> int:
    """Return the tenure's own offset: reading begins where the tenure does."""
    return tenure.offset


def _ignore(_partitions: frozenset[Partition] | Mapping[Partition, Tenure]) -> None:
    """Stand in for a callback that was not given."""
