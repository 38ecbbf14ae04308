"""A member of a consumer group: it reads frames from Kafka and writes events and offsets back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Self, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from framehop import _core
from framehop.budgets import HANDOVER_S
from framehop.errors import ClosedError, FramehopError, LogError, LogUnavailableError
from framehop.log.kafka.commit_progress import CommitProgress
from framehop.log.kafka.connection import REQUEST_S, RETRY_S, Connection, settings
from framehop.log.kafka.coverage import CoverageWatch, listed
from framehop.log.kafka.delivery import AtLeastOnce, EventDelivery, ExactlyOnce, StaleGenerationError
from framehop.log.kafka.errors import MISSING, Causes, explain, translated
from framehop.log.kafka.groups import warn_of_long_session
from framehop.log.kafka.handoff import Handoff, Notice
from framehop.log.kafka.offset_queries import place_of, range_of, topic_partition
from framehop.log.kafka.offsets import OffsetCommits, places_to_commit
from framehop.log.kafka.output_records import Output, Outputs
from framehop.log.kafka.partition_scan import without_group
from framehop.log.kafka.start_offsets import StartOffset, behind_its_end, resolve_starts
from framehop.log.kafka.wire import NotOursError, Record, event_record, parse_frame, payload_of, pointer_of
from framehop.protocols import CommitResult, PartitionsCallback, Start, Tenure, TenuresCallback
from framehop.timing import Deadline
from framehop.types import Event, FrameRecord, Partition

logger = logging.getLogger(__name__)

T = TypeVar("T")

BATCH = 64  # the client's cost per message doubles above this
POLL_S = 0.05
COMMIT_S = 5.0
SOON = 64  # this many finished frames are committed before the interval is over
AHEAD = 128  # this many uncommitted frames stop the worker: it bounds what a crash repeats, however fast the worker is
GENERATION_S = 2.0  # how long a commit waits for the group's new generation
FULL_S = 1.0  # a full handoff is checked this often, so that rebalances are heard anyway


class KafkaConsumer:
    """The log's FrameConsumer. Call `poll` from one thread, `commit`, `wake` and the properties from any.

    A thread of its own talks to the broker, whatever the worker is doing, so that a slow model never costs the membership. `poll`
    calls `on_assign` and `on_revoke`. Partitions that were lost (this member was silent for longer than the session timeout) are
    revoked too late for a commit, as `CommitResult.lost` reports. `close` does not call `on_revoke`.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        *,
        member: str,
        start: Start,
        on_assign: TenuresCallback | None,
        on_revoke: PartitionsCallback | None,
    ) -> None:
        self._connection, self._url, self._options = connection, connection.url, connection.options
        self._group = self._url.group(group)
        self._start: Start = start
        self._on_assign = on_assign or _ignore
        self._on_revoke = on_revoke or _ignore
        self._causes = Causes()
        self._known = frozenset(connection.frame_places())  # topics that come later are read from their beginning
        if not self._known:
            logger.warning("%s: no topic fits %s yet; waiting for one", self._url, connection.frames.text)
        self._outputs = Outputs(connection)
        warn_of_long_session(connection, self._group)
        self._handoff = Handoff(self._options.prefetch_bytes // 2)
        self._lock = threading.Lock()  # guards marks and side outputs
        self._commit_lock = threading.Lock()  # one delivery at a time
        self._marks = CommitProgress()
        self._offsets = OffsetCommits(self._url, self._marks, self._lock)
        self._side: list[Output] = []
        self._committed_s = 0.0
        self._generation: object = None
        self._frames_read = 0
        self._closed = False
        self._ending = threading.Event()
        instance = f"{self._group}.{member}"
        with translated(self._url, self._causes):
            self._consumer = Consumer(self._settings(instance))
        self._delivery: EventDelivery = (
            ExactlyOnce(connection, instance, largest=self._outputs.largest)
            if self._options.delivery == "exactly-once"
            else AtLeastOnce(connection, instance, largest=self._outputs.largest)
        )
        self._watch = None if self._options.by_broker else self._watched()
        self._thread = threading.Thread(target=self._serve, name="kafka-consumer", daemon=True)
        self._thread.start()

    def _watched(self) -> CoverageWatch:
        """Return the watch of a classic group. In the newer protocol the broker itself assigns partitions without an owner."""
        return CoverageWatch(self._connection, self._group, every_s=self._options.session_timeout_s / 4)

    def _settings(self, instance: str) -> dict[str, Any]:
        session_ms = int(self._options.session_timeout_s * 1000)
        config: dict[str, Any] = {
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": session_ms,
            # A member learns by its heartbeat that another has left: within a second, since the promise is session + 1 s.
            "heartbeat.interval.ms": max(100, min(1000, session_ms // 4)),
            "fetch.wait.max.ms": 50,
            "fetch.queue.backoff.ms": 10,  # librdkafka's 1000 can stall a bounded prefetch for a second at a time
            "queued.max.messages.kbytes": self._options.prefetch_bytes // 2 >> 10,
            **settings(self._url, self._options, "worker", self._causes),
        }
        if config.get("group.protocol") == "consumer":  # KIP-848 keeps these settings on the broker
            config = without_group(config) | {
                name: value for name, value in self._options.client.items() if name.startswith("group.")
            }
        return config | {
            "group.id": self._group,
            **({"group.instance.id": instance} if self._options.membership == "static" else {}),
            "on_commit": self._offsets.on_commit,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }

    # ---- the worker's side

    @property
    def assignment(self) -> frozenset[Partition]:
        with self._lock:
            return self._marks.owned

    @property
    def frames_read(self) -> int:
        return self._frames_read

    def poll(self, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        deadline = Deadline.after(timeout_s)
        while True:
            self._check_open()
            self._heed()
            found = self._handoff.take(max_frames, deadline.remaining_s)
            pending = self._heed()
            if found or deadline.expired or not pending:
                self._frames_read += len(found)
                return found

    def _heed(self) -> bool:
        """Call back for each notice; return whether there was any."""
        notice = first = self._handoff.take_notice()
        while notice is not None:
            try:
                if notice.gained:
                    self._on_assign(notice.gained)
                if notice.revoked:
                    self._on_revoke(notice.revoked)
            finally:
                notice.heeded.set()
            notice = self._handoff.take_notice()
        return first is not None

    def commit(
        self,
        events: Sequence[Event],
        marks: Mapping[Partition, int],
        metadata: Mapping[Partition, str] | None = None,
        tenures: Mapping[Partition, int] | None = None,
    ) -> CommitResult:
        records = [(event, event_record(event)) for event in events]
        deadline = Deadline.after(GENERATION_S)
        while True:
            try:
                return self._commit(records, marks, metadata or {}, tenures)
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
        with self._commit_lock:
            self._check_open()
            # The generation is read before the ownership: with a newer one the broker would accept events of a partition lost in
            # between.
            generation = self._generation
            ours, outputs = self._admit(records, tenures)
            mine = {partition: mark for partition, mark in marks.items() if partition in ours}
            if self._options.delivery == "exactly-once":
                with self._lock:
                    due = self._marks.due_with(mine, metadata)
                self._deliver(outputs, due, generation)
            else:
                self._deliver(outputs, {}, generation)
                _core.failpoint("event.produced")
            with self._lock:  # not earlier, since the thread commits what is finished
                now = self._marks.tenures
                self._marks.finish({at: mark for at, mark in mine.items() if now.get(at) == ours[at]}, metadata)
            behind = self._marks.ahead > AHEAD
        if behind or not self._options.commit_interval_s:
            self._offsets.wait(mine, COMMIT_S)
        return CommitResult(lost=frozenset(marks.keys() | {event.frame.place for event, _ in records}) - ours.keys())

    def _admit(
        self, records: Sequence[tuple[Event, Record]], tenures: Mapping[Partition, int] | None
    ) -> tuple[dict[Partition, int], list[Output]]:
        """Return the tenures that continue, and the outputs that may be written under them."""
        with self._lock:
            ours = self._marks.tenures
        if tenures is not None:  # a partition that went and came back has another tenure
            ours = {partition: number for partition, number in ours.items() if tenures.get(partition) == number}
        admitted = [self._outputs.fitted(event, record) for event, record in records if event.frame.place in ours]
        outputs = [self._outputs.event(event, record) for event, record in admitted]
        outputs += [self._outputs.letter_of_event(event) for event, _ in admitted if event.outcome == "failed"]
        return ours, outputs

    def _deliver(self, outputs: list[Output], due: Mapping[Partition, tuple[int, str]], generation: object) -> None:
        """Deliver outputs together with the thread's own. Call under the commit lock."""
        with self._lock:
            side = list(self._side)
        self._delivery.deliver([*side, *outputs], places_to_commit(due), generation)
        with self._lock:
            self._side = self._side[len(side) :]
            self._marks.committed({partition: offset for partition, (offset, _) in due.items()})

    def positions(self) -> dict[Partition, int]:
        with self._lock:
            return self._marks.positions()

    def wake(self) -> None:
        self._handoff.wake()

    # ---- the thread
    #
    # Only this thread calls the consumer: a call from another thread waits until poll() is not running, which may be never (found
    # with confluent-kafka 2.16.1).

    def _serve(self) -> None:
        try:
            with translated(self._url, self._causes):
                self._subscribe()
                while not self._ending.is_set():
                    self._fetch()
                    self._note_generation()
                    self._tidy()
                    self._cover()
        except Exception as error:  # noqa: BLE001  handed to the worker's thread, which raises it
            self._handoff.fail(self._replaced(error) or error)

    def _subscribe(self) -> None:
        self._consumer.subscribe(
            [self._connection.frames.pattern],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )

    def _cover(self) -> None:
        """Leave the group and join it again when it has left partitions without an owner and it is our turn. Our partitions are
        given up as in every hand-over."""
        if self._watch is None or not self._watch.orphans:
            return
        orphans = self._watch.due(self._consumer.memberid() or "")
        if orphans:
            logger.warning("nobody reads %s: joining group %s anew", listed(orphans), self._group)
            self._consumer.unsubscribe()
            self._subscribe()
            self._moved()

    def _note_generation(self) -> None:
        """Note the group's generation; the last one stays while a client that is closed during a join has none. An exception here
        would come from a callback and end close() with a SystemError."""
        try:
            self._generation = self._consumer.consumer_group_metadata()
        except RuntimeError as error:
            logger.info("group %s: %s", self._group, error)

    def _moved(self) -> None:
        if self._watch is not None:
            self._watch.moved()

    def _replaced(self, error: Exception) -> Exception | None:
        """Return the error for a replaced member. That is the only fatal error of a static member of a classic group, and its code
        does not tell the cause."""
        cause = error.__cause__
        fatal = isinstance(cause, KafkaException) and cause.args[0].code() == KafkaError._FATAL
        classic = self._options.client.get("group.protocol", "classic") == "classic"
        if not (fatal and classic and self._options.membership == "static"):
            return None
        return explain(KafkaError(KafkaError.FENCED_INSTANCE_ID), self._url)

    def _fetch(self) -> None:
        """Fetch messages; only one when the handoff is full. This call alone hears rebalances, and a pause would discard what was
        read ahead."""
        room = self._handoff.wait_room(FULL_S)
        first = self._consumer.poll(POLL_S)
        if first is None:
            return
        more = self._consumer.consume(BATCH - 1, 0) if room else []
        self._handoff.put([record for message in (first, *more) if (record := self._record(message)) is not None])

    def _record(self, message: Message) -> FrameRecord | None:
        if message.error() is not None:
            self._heard(message, message.error())
            return None
        try:
            meta = parse_frame(message)
        except NotOursError as error:
            self._not_a_frame(message, str(error))
            return None
        with self._lock:
            tenure = self._marks.hand_out(meta.pointer.place, meta.pointer.offset)
        if tenure is None:
            return None
        return FrameRecord(meta=meta, payload=payload_of(message, meta), tenure=tenure)

    def _heard(self, message: Message, error: KafkaError | None) -> None:
        assert error is not None
        at = pointer_of(message)
        match error.code():
            case KafkaError._PARTITION_EOF:
                with self._lock:
                    self._marks.skip(at.place, at.offset)
            case KafkaError._AUTO_OFFSET_RESET | KafkaError.OFFSET_OUT_OF_RANGE:
                self._out_of_range(at.place)
            case code if code in MISSING and self._passes(at.place):
                logger.info("%s: %s", at.place, error.str())
            case _ if error.fatal() or not error.retriable():
                explained = explain(error, self._url, at.topic or self._connection.frames.text)
                if isinstance(explained, LogUnavailableError):
                    logger.info("%s", explained)
                else:
                    raise explained from KafkaException(error)

    def _passes(self, place: Partition) -> bool:
        """Return whether an unknown partition is no fault: its topic may vanish, or it is new and the client has not heard of
        it."""
        return self._connection.may_vanish(place.topic) or self._patiently(
            lambda: self._connection.has(place), default=True
        )

    def _not_a_frame(self, message: Message, why: str) -> None:
        pointer = pointer_of(message)
        logger.warning("%s/%d@%d is not a frame: %s", pointer.topic, pointer.partition, pointer.offset, why)
        letter = self._outputs.letter_of_record(pointer, f"not_a_frame: {why}")
        with self._lock:
            at = self._marks.handed(pointer.place)
            if at is not None and pointer.offset >= at:
                self._side.append(letter)
                self._marks.skip(pointer.place, pointer.offset + 1)

    def _out_of_range(self, partition: Partition) -> None:
        none: tuple[int, int] | None = None
        kept = self._patiently(lambda: range_of(self._connection, partition), default=none)
        with self._lock:
            at = self._marks.handed(partition)
        if kept is None or at is None:
            return
        begin, end = kept
        if at > end:
            self._give_up(partition, begin, behind_its_end(partition, at, end))
        if at < begin:  # retention has overtaken us, and the gap is recorded
            with self._lock:
                self._side.append(self._outputs.gap(partition, at, begin))
                self._marks.skip(partition, begin)
        # seek() would be refused, since the client has stopped fetching a partition that is out of range.
        self._consumer.incremental_unassign([topic_partition(partition)])
        self._consumer.incremental_assign([topic_partition(partition, max(begin, at))])

    def _give_up(self, partition: Partition, begin: int, why: str) -> NoReturn:
        """Set the offset to `begin` and fail, because the offsets now mean other frames than those in flight. A restarted worker
        has none in flight."""
        with self._lock:
            self._marks.drop([partition])
        # A commit under way has an old offset; wait for it.
        if self._commit_lock.acquire(timeout=HANDOVER_S):
            self._commit_lock.release()
        try:
            self._consumer.commit(offsets=[topic_partition(partition, begin)], asynchronous=False)
        except KafkaException as raised:
            logger.warning("%s could not be set back: %s", partition, raised.args[0].str())
        raise LogError(f"{why}; the worker starts anew, with its beginning")

    def _tidy(self) -> None:
        """Commit offsets, at most once per interval, and the outputs that no commit of the worker takes along."""
        with self._lock:
            side, due, many = bool(self._side), bool(self._marks.due()), self._marks.ahead >= SOON
        early = time.monotonic() - self._committed_s < self._options.commit_interval_s
        if not (side or due) or (early and not many):
            return
        exactly_once = self._options.delivery == "exactly-once"
        # A worker that commits all the time nearly always has the lock, and takes these along.
        if (side or exactly_once) and self._commit_lock.acquire(blocking=False):
            try:
                self._flush()
            except LogUnavailableError as error:
                logger.info("%s", error)
            finally:
                self._commit_lock.release()
        if not exactly_once:
            self._commit_offsets(wait=not self._options.commit_interval_s)

    def _commit_offsets(self, *, wait: bool = False) -> None:
        """Commit offsets for at-least-once. The thread's own outputs must be durable first, since they stand for the offsets passed
        over."""
        with self._lock:
            due = {} if self._side else self._marks.due()
        if self._offsets.send(self._consumer, due, wait=wait):
            self._committed_s = time.monotonic()

    def _flush(self) -> None:
        """Deliver the thread's own outputs, for exactly-once with the offsets. Call under the commit lock."""
        with self._lock:
            due = self._marks.due() if self._options.delivery == "exactly-once" else {}
        self._deliver([], due, self._generation)
        if due:
            self._committed_s = time.monotonic()

    # ---- rebalances, called by the client in the thread's poll

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        partitions = [place_of(place) for place in places]
        none: list[StartOffset] = []
        starts = self._patiently(
            lambda: resolve_starts(
                self._connection,
                self._consumer,
                partitions,
                group=self._group,
                start=self._start,
                known=self._known,
            ),
            default=none,
        )
        gained: dict[Partition, Tenure] = {}
        with self._lock:
            for start in starts:
                number = self._marks.assign(start.partition, start.offset, start.committed)
                gained[start.partition] = Tenure(number=number, offset=start.offset, metadata=start.metadata)
                if start.gap_from is not None:
                    self._side.append(self._outputs.gap(start.partition, start.gap_from, start.offset))
        consumer.incremental_assign([topic_partition(start.partition, start.offset) for start in starts])
        self._moved()
        self._handoff.announce(Notice(gained=gained))

    def _revoked(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Wait, within a bound, until the worker has finished and committed its frames in flight; then give the partitions up."""
        partitions = frozenset(place_of(place) for place in places)
        notice = Notice(revoked=partitions)
        # An older generation could no longer commit.
        self._note_generation()
        self._handoff.announce(notice)
        deadline = Deadline.after(HANDOVER_S)
        while not notice.heeded.wait(POLL_S) and not deadline.expired and not self._ending.is_set():
            if self._options.delivery == "at-least-once":
                self._commit_offsets(wait=True)
        if self._commit_lock.acquire(timeout=deadline.remaining_s + POLL_S):
            try:
                self._finish()
            except FramehopError as error:
                logger.info("not committed before the partitions went: %s", error)
            finally:
                self._commit_lock.release()
        self._let_go(consumer, notice)

    def _finish(self) -> None:
        """Deliver and commit everything that is left. Call under the commit lock."""
        self._flush()
        if self._options.delivery == "at-least-once":
            self._commit_offsets(wait=True)

    def _lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        partitions = frozenset(place_of(place) for place in places)
        logger.warning(
            "partitions %s were lost: silent for longer than the session", ", ".join(map(str, sorted(partitions)))
        )
        notice = Notice(revoked=partitions)
        self._let_go(consumer, notice)
        self._handoff.announce(notice)

    def _let_go(self, consumer: Consumer, notice: Notice) -> None:
        with self._lock:
            self._marks.drop(notice.revoked)
        consumer.incremental_unassign([topic_partition(partition) for partition in notice.revoked])
        self._moved()

    def _patiently(self, action: Callable[[], T], default: T) -> T:
        """Repeat `action` until the broker answers; return `default` when closed meanwhile."""
        said = False
        while not self._ending.is_set():
            try:
                return action()
            except LogUnavailableError as error:
                if not said:
                    logger.warning("%s; waiting", error)
                said = True
                self._ending.wait(RETRY_S)
        return default

    # ---- ends

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._ending.set()
        self._handoff.wake()
        self._thread.join(HANDOVER_S + REQUEST_S)
        if self._watch is not None:
            self._watch.close()
        with self._commit_lock:
            try:
                self._finish()
            except LogError as error:
                logger.warning("the last offsets are not committed: %s; those frames are read again", error)
            self._delivery.close()
        self._consumer.close()

    @property
    def closed(self) -> bool:
        return self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this consumer of the log is closed")


def _ignore(_partitions: frozenset[Partition] | Mapping[Partition, Tenure]) -> None:
    """Stand in for a callback that was not given."""
