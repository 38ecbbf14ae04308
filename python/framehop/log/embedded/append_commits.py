"""The thread that writes queued frames to the log: payloads first, then one short transaction for the whole batch."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence

import apsw

from framehop import _core
from framehop.errors import FramehopError, LogBusyError, LogFullError, text_of
from framehop.log.embedded.append_queue import AppendQueue, Item, PendingAccount, PendingFrame
from framehop.log.embedded.context import LogContext
from framehop.log.embedded.frame_rows import INSERT, SegmentAddress, to_row
from framehop.log.embedded.schema import TOPIC
from framehop.log.embedded.segments import HEADER_BYTES, SegmentFile, record_bytes
from framehop.log.embedded.stream_rows import change_pass, check_generation
from framehop.log.source_rows import add_origins, save_account
from framehop.log.sqlite import connect, free_bytes, full_error, row, rows, transaction, translated
from framehop.partitioning import partition_of
from framehop.protocols import Ack
from framehop.timing import now_us
from framehop.types import FramePointer

logger = logging.getLogger(__name__)

BATCH_ITEMS = 256
BATCH_BYTES = 8 << 20
_FIRST_RETRY_S = 0.05
_LAST_RETRY_S = 1.0


class Committer:
    """Commits batches in order until the queue is closed and drained. While the disk is full it keeps its batch, explains itself in
    `stalled`, and tries again."""

    def __init__(self, context: LogContext, writer: str, queue: AppendQueue) -> None:
        self._context = context
        self._writer = writer
        self._queue = queue
        self._db: apsw.Connection | None = None
        self._segment: SegmentFile | None = None
        self._reserved: int | None = None  # a segment whose row is committed and whose file does not exist yet
        self._give_up = threading.Event()
        self.stalled = ""
        self._thread = threading.Thread(target=self._run, name="framehop-log-writer", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the thread once the queue is drained, or as soon as it finds no room. The queue must be closed."""
        self._give_up.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._db = connect(self._context.paths.index, full=self._power)
            while batch := self._queue.take(BATCH_ITEMS, BATCH_BYTES):
                acks = self._commit_until_done(batch)
                if acks is None:
                    break
                self._publish(batch, acks)
                self._queue.done(batch)
            self._close_segment()
        except Exception as error:
            foreseen = isinstance(error, FramehopError | MemoryError)
            logger.error("the writer of %s failed: %s", self._context.paths.root, text_of(error), exc_info=not foreseen)
            self._queue.fail(error)
        finally:
            self._release()

    @property
    def _power(self) -> bool:
        return self._context.options.durability == "power"

    def _commit_until_done(self, batch: Sequence[Item]) -> list[Ack | None] | None:
        """Return the acknowledgements; None when there was no room and the writer closes."""
        retry_s = _FIRST_RETRY_S
        while True:
            try:
                acks = self._commit(batch)
            except (LogFullError, LogBusyError) as error:
                if not self.stalled:
                    logger.warning("%s", error)
                self.stalled = str(error)
                if self._give_up.wait(retry_s):
                    return None
                retry_s = min(2 * retry_s, _LAST_RETRY_S)
            else:
                self.stalled = ""
                return acks

    def _commit(self, batch: Sequence[Item]) -> list[Ack | None]:
        frames = [item for item in batch if isinstance(item, PendingFrame)]
        total = sum(record_bytes(item.payload_bytes) for item in frames)
        self._context.presence.check()
        with translated(self._context.paths.root):
            addresses = self._store(frames, total) if frames else []
        with transaction(self._opened, self._context.paths.index):
            acks = _Batch(self._opened, self._context.partitions).insert(batch, addresses)
        if self._segment is not None:
            self._segment.advance(total, len(frames))
            # The kernel tells a failed write to one sync of a file alone: where ours is what counts, nobody else may ask.
            self._context.maintenance.mark(None if self._power else self._segment)
        return acks

    @property
    def _opened(self) -> apsw.Connection:
        assert self._db is not None
        return self._db

    def _store(self, frames: Sequence[PendingFrame], total: int) -> list[SegmentAddress]:
        root, reserve = self._context.paths.root, self._context.options.reserve_bytes
        if free_bytes(root) < total + reserve:
            raise full_error(root)
        segment = self._segment_for(total, len(frames))
        positions = segment.write([(item.frame.payload, item.crc) for item in frames])
        if self._power:
            segment.sync()
        return [SegmentAddress(segment=segment.number, position=position) for position in positions]

    def _segment_for(self, total: int, frames: int) -> SegmentFile:
        if self._segment is None or not self._segment.has_room(total, frames):
            fresh = self._new_segment(max(self._context.options.segment_bytes, HEADER_BYTES + total))
            self._close_segment()
            self._segment = fresh
            self._context.maintenance.request_retention()
        return self._segment

    def _new_segment(self, capacity: int) -> SegmentFile:
        """Make a segment. Its row is committed before the file exists, so that no file is ever unknown to retention."""
        while True:
            number = self._reserved = self._reserved or self._reserve()
            path = self._context.paths.segment(number)
            # Power loss or a restored index can take the row of a segment and leave its file. Retention removes both later: to
            # remove the file here would be a race with its sweep, which could then take ours.
            with contextlib.suppress(FileExistsError):
                made = SegmentFile.create(path, number, capacity, durable_name=self._power)
                self._reserved = None
                return made
            self._reserved = None

    def _reserve(self) -> int:
        with transaction(self._opened, self._context.paths.index):
            rows(self._opened, "INSERT INTO segments(writer) VALUES(?)", (self._writer,))
            return self._opened.last_insert_rowid()

    def _close_segment(self) -> None:
        if self._segment is None:
            return
        with transaction(self._opened, self._context.paths.index):
            rows(
                self._opened,
                "UPDATE segments SET closed=1, bytes=?, newest_us=? WHERE id=?",
                (self._segment.end, now_us(), self._segment.number),
            )
        self._context.maintenance.retire(self._segment)
        self._segment = None

    def _publish(self, batch: Sequence[Item], acks: Sequence[Ack | None]) -> None:
        _core.failpoint("ingest.appended")
        self._context.bell.ring()
        for item, ack in zip(batch, acks, strict=True):
            if isinstance(item, PendingFrame) and item.on_ack is not None and ack is not None:
                _call(item.on_ack, ack)

    def _release(self) -> None:
        if self._segment is not None:
            self._context.maintenance.retire(self._segment)
        if self._db is not None:
            self._db.close()


def _call(on_ack: Callable[[Ack], None], ack: Ack) -> None:
    try:
        on_ack(ack)
    except Exception:
        logger.exception("an acknowledgement callback failed for %s", ack.pointer)


class _Batch:
    """The items of one transaction."""

    def __init__(self, db: apsw.Connection, partitions: int) -> None:
        self._db = db
        self._partitions = partitions
        self._now = now_us()
        self._checked: set[tuple[str, int]] = set()
        self._offsets: dict[int, int] = {}

    def insert(self, batch: Sequence[Item], addresses: Sequence[SegmentAddress]) -> list[Ack | None]:
        remaining = iter(addresses)
        acks = [self._item(item, remaining) for item in batch]
        for partition, offset in self._offsets.items():
            rows(self._db, "UPDATE partitions SET next_offset=? WHERE partition=?", (offset, partition))
        return acks

    def _check(self, stream: str, generation: int | None) -> None:
        if generation is not None and (stream, generation) not in self._checked:
            check_generation(self._db, stream, generation)
            self._checked.add((stream, generation))

    def _item(self, item: Item, addresses: Iterator[SegmentAddress]) -> Ack | None:
        if isinstance(item, PendingFrame):
            return self._frame(item, next(addresses))
        self._check(item.stream, item.generation)
        if isinstance(item, PendingAccount):
            save_account(self._db, item.account)
        else:
            change_pass(self._db, item)
        return None

    def _frame(self, item: PendingFrame, address: SegmentAddress) -> Ack:
        key = item.frame.key
        self._check(key.stream, item.generation)
        partition = partition_of(key.stream, self._partitions)
        pointer = FramePointer(topic=TOPIC, partition=partition, offset=self._next_offset(partition))
        rows(self._db, INSERT, to_row(item.frame, pointer, address, self._now))
        if self._db.changes() == 0:
            return self._duplicate(item)
        if item.frame.origin:
            add_origins(self._db, key.stream, key.epoch, [(key.seq, item.frame.origin)])
        self._offsets[partition] = pointer.offset + 1
        return Ack(pointer=pointer)

    def _next_offset(self, partition: int) -> int:
        if partition not in self._offsets:
            found = row(self._db, "SELECT next_offset FROM partitions WHERE partition=?", (partition,))
            assert found is not None
            self._offsets[partition] = found[0]
        return self._offsets[partition]

    def _duplicate(self, item: PendingFrame) -> Ack:
        key = item.frame.key
        found = row(
            self._db,
            'SELECT partition, "offset" FROM frames WHERE stream=? AND epoch=? AND seq=?',
            (key.stream, key.epoch, key.seq),
        )
        assert found is not None
        return Ack(pointer=FramePointer(topic=TOPIC, partition=found[0], offset=found[1]), duplicate=True)
