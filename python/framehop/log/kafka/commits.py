"""Commit what a member has finished: events and other outputs first, then the offsets behind them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence

from framehop import _core
from framehop.errors import FramehopError, LogError, LogUnavailableError
from framehop.log.kafka.connection import RETRY_S
from framehop.log.kafka.delivery import EventDelivery, StaleGenerationError
from framehop.log.kafka.member import MemberClient
from framehop.log.kafka.offsets import OffsetCommits, to_commit
from framehop.log.kafka.output_records import Output
from framehop.log.kafka.wire import Record, event_record
from framehop.protocols import CommitResult
from framehop.timing import Deadline
from framehop.types import Event, Partition

logger = logging.getLogger(__name__)

COMMIT_S = 5.0
SOON = 64  # this many finished frames are committed before the interval is over
AHEAD = 128  # this many uncommitted frames stop the worker: it bounds what a crash repeats, however fast the worker is
GENERATION_S = 2.0  # how long a commit waits for the group's new generation


class Commits:
    """Makes durable what the worker has finished, and what the consumer's thread adds.

    Call `commit` from any thread, `close` when the consumer's thread has ended, the others from that thread. It owns the delivery
    lock, which lets through one delivery at a time; whoever holds it may take the lock of the progress, never the other way round.
    """

    def __init__(self, member: MemberClient, delivery: EventDelivery, offsets: OffsetCommits) -> None:
        self._member, self._progress = member, member.progress
        self._delivery, self._offsets = delivery, offsets
        options = member.connection.options
        self._exactly_once = options.delivery == "exactly-once"
        self._interval_s = options.commit_interval_s
        self._one_delivery = threading.Lock()
        self._committed_s = 0.0
        self._generation: object = None

    # ---- the worker's side

    def commit(
        self,
        events: Sequence[Event],
        marks: Mapping[Partition, int],
        metadata: Mapping[Partition, str],
        tenures: Mapping[Partition, int] | None,
    ) -> CommitResult:
        """Write events and move offsets, as FrameConsumer says."""
        records = [(event, event_record(event)) for event in events]
        deadline = Deadline.after(GENERATION_S)
        while True:
            try:
                return self._commit(records, marks, metadata, tenures)
            except StaleGenerationError:
                if deadline.expired:
                    raise
                time.sleep(RETRY_S)  # the thread learns of the new generation

    def _commit(
        self,
        records: Sequence[tuple[Event, Record]],
        marks: Mapping[Partition, int],
        metadata: Mapping[Partition, str],
        tenures: Mapping[Partition, int] | None,
    ) -> CommitResult:
        with self._one_delivery:
            self._member.ending.check_open()
            # The generation is read before the ownership: with a newer one the broker would accept events of a partition lost in
            # between.
            generation = self._generation
            if self._exactly_once and generation is None:  # frames may come before the thread has looked
                raise StaleGenerationError(f"group {self._member.group}: its generation is not known yet")
            ours, outputs = self._admit(records, tenures)
            mine = {partition: mark for partition, mark in marks.items() if partition in ours}
            due = self._progress.due_with(mine, metadata) if self._exactly_once else {}
            offsets = self._deliver(outputs, due, generation)
            if not self._exactly_once:
                _core.failpoint("event.produced")
            # This is noted last, since the thread commits what is finished.
            behind = self._progress.finish(mine, ours, metadata) > AHEAD
        if behind or not self._interval_s:
            self._progress.wait_committed(mine, COMMIT_S)
        return CommitResult(
            lost=frozenset(marks.keys() | {event.frame.topic_partition for event, _ in records}) - ours.keys(),
            offsets={event.event_id: offsets[event.event_id] for event, _ in records if event.event_id in offsets},
        )

    def _admit(
        self, records: Sequence[tuple[Event, Record]], tenures: Mapping[Partition, int] | None
    ) -> tuple[dict[Partition, int], list[Output]]:
        """Return the tenures that continue, and the outputs that may be written under them."""
        ours = self._progress.tenures
        if tenures is not None:  # a partition that went and came back has another tenure
            ours = {partition: number for partition, number in ours.items() if tenures.get(partition) == number}
        admitted = [
            self._member.outputs.fitted(event, record)
            for event, record in records
            if event.frame.topic_partition in ours
        ]
        outputs = [self._member.outputs.event(event, record) for event, record in admitted]
        outputs += [self._member.outputs.letter_of_event(event) for event, _ in admitted if event.outcome == "failed"]
        return ours, outputs

    def _deliver(
        self, outputs: list[Output], due: Mapping[Partition, tuple[int, str]], generation: object
    ) -> dict[str, int]:
        """Deliver outputs together with the thread's own; return the offsets by identity. Call under the delivery lock."""
        own = self._progress.outputs()
        offsets = self._delivery.deliver([*own, *outputs], to_commit(due), generation)
        self._progress.delivered(len(own), {partition: offset for partition, (offset, _) in due.items()})
        return offsets

    # ---- the consumer's thread

    def note_generation(self) -> None:
        """Note the group's generation, which transactions name; the last one stays while a client that is closed during a join has
        none. An exception here would come from a callback and end close() with a SystemError."""
        if not self._exactly_once:  # asking the client costs two turns of its main thread
            return
        try:
            self._generation = self._member.consumer.consumer_group_metadata()
        except RuntimeError as error:
            logger.info("group %s: %s", self._member.group, error)

    def tidy(self) -> None:
        """Commit offsets, at most once per interval, and the outputs that no commit of the worker takes along."""
        waiting = self._progress.pending()
        early = time.monotonic() - self._committed_s < self._interval_s
        if not (waiting.outputs or waiting.offsets) or (early and waiting.ahead < SOON):
            return
        # A worker that commits all the time nearly always has the lock, and takes these along.
        if (waiting.outputs or self._exactly_once) and self._one_delivery.acquire(blocking=False):
            try:
                self._flush()
            except LogUnavailableError as error:
                logger.info("%s", error)
            finally:
                self._one_delivery.release()
        self.send_offsets(wait=not self._interval_s)

    def send_offsets(self, *, wait: bool) -> None:
        """Commit offsets for at-least-once; for exactly-once a transaction does. The thread's own outputs must be durable first,
        since they stand for the offsets passed over."""
        if self._exactly_once:
            return
        due = {} if self._progress.outputs() else self._progress.due()
        if self._offsets.send(self._member.consumer, due, wait=wait):
            self._committed_s = time.monotonic()

    def _flush(self) -> None:
        """Deliver the thread's own outputs, for exactly-once with the offsets. Call under the delivery lock."""
        due = self._progress.due() if self._exactly_once else {}
        self._deliver([], due, self._generation)
        if due:
            self._committed_s = time.monotonic()

    def finish_within(self, timeout_s: float) -> None:
        """Deliver and commit everything that is left before partitions go, unless a delivery under way takes too long."""
        if not self._one_delivery.acquire(timeout=timeout_s):
            return
        try:
            self._finish()
        except FramehopError as error:
            logger.info("not committed before the partitions went: %s", error)
        finally:
            self._one_delivery.release()

    def _finish(self) -> None:
        """Deliver and commit everything that is left. Call under the delivery lock."""
        self._flush()
        self.send_offsets(wait=True)

    def wait_idle(self, timeout_s: float) -> None:
        """Wait until no delivery is under way, or the time is up."""
        if self._one_delivery.acquire(timeout=timeout_s):
            self._one_delivery.release()

    # ---- the end

    def close(self) -> None:
        with self._one_delivery:
            try:
                self._finish()
            except LogError as error:
                logger.warning("the last offsets are not committed: %s; those frames are read again", error)
            self._delivery.close()
