"""Append frames to Kafka."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from framehop import _core
from framehop.account import IngestAccount
from framehop.budgets import WRITER_CLOSE_S
from framehop.errors import (
    ClosedError,
    FramehopError,
    InvalidArgumentError,
    LogError,
    LogUnavailableError,
    StreamBusyError,
)
from framehop.log.kafka.connection import Connection, settings
from framehop.log.kafka.errors import LIMITS, MISSING, Causes, explain, missing, translated
from framehop.log.kafka.offset_queries import largest_record, log_end
from framehop.log.kafka.partition_scan import find_last_seq
from framehop.log.kafka.stream_store import Acknowledged, StreamRow, StreamStore, state_directory
from framehop.log.kafka.wire import Headers, frame_headers, pointer_of
from framehop.log.locks import FileLock
from framehop.partitioning import partition_of
from framehop.passes import LastPass, next_epoch, next_pass
from framehop.protocols import Ack
from framehop.timing import Deadline, now_us
from framehop.types import Frame, FrameKey, Partition, StreamState, check_stream

logger = logging.getLogger(__name__)

DeliveryCallback = Callable[[KafkaError | None, Message], None]

TICK_S = 0.05
GATHER_S = 0.005  # little compared with a broker's answer, and dozens of frames at full speed
SILENCE_S = 2.0  # a healthy broker acknowledges within milliseconds
PASS_S = 60.0
# Once the client has failed for good, all other frames are reported with these codes; `poll` raises the reason.
_OF_A_FATAL_ONE = {KafkaError._FATAL, KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Topic:
    """A topic that is written to. `largest`: bytes of a record that it takes. `producer`: shared by all topics with the same limit,
    since a client has one limit, which also bounds its batches."""

    partitions: int
    largest: int
    producer: Producer


class _Sent(NamedTuple):
    """The facts to remember of a frame that the client has. `size`: of its payload."""

    key: FrameKey
    origin: str
    size: int


@dataclass(slots=True)
class _Stream:
    """A stream that is open here. `sent` and `acked` count frames of this writer."""

    row: StreamRow
    lock: FileLock
    sent: int = 0
    acked: int = 0
    finish_at: int | None = None
    failure: FramehopError | None = None
    taken: frozenset[str] = frozenset()
    account: IngestAccount | None = None
    account_at: int = 0

    @property
    def quiet(self) -> bool:
        return self.sent == self.acked


class KafkaWriter:
    """The log's FrameWriter: an idempotent producer that waits for all replicas in sync and never gives up on a frame.

    It is thread-safe, with one thread per stream. `close` waits up to 5 s for the queue; the fate of frames unacknowledged by then
    is unknown, with a warning, and the next writer of a finite source finds it out.
    """

    def __init__(self, connection: Connection) -> None:
        self._url, self._frames, self._labels = connection.url, connection.frames, connection.options.labels
        self._connection = connection
        self._limit = connection.options.queue_bytes
        self._low = self._limit - self._limit // 8  # a full queue wakes its waiters here, not at every acknowledgement
        self._causes = Causes()
        self._looking_up = threading.Lock()  # guards topics and producers, which are never removed
        self._topics: dict[str, _Topic] = {}
        self._producers: dict[int, Producer] = {}
        self._frames.check_labels(self._labels)
        if not self._frames.per_stream:
            self._topic(self._frames.topic_of("", self._labels))
        self._store = StreamStore(state_directory(self._url, connection.options), self._url.frames)
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._quiet = threading.Condition(self._lock)  # notified when a stream, or all of them, are acknowledged
        self._streams: dict[str, _Stream] = {}
        self._acknowledged: dict[str, Acknowledged] = {}
        self._queued_bytes = 0
        self._queued = 0
        self._waiting = 0  # threads that wait for room
        self._progress_s = time.monotonic()
        self._failure: FramehopError | None = None
        self._too_large: tuple[int, FrameKey, FramehopError] | None = None
        self._closed = False
        self._remembered_s = time.monotonic()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kafka-writer", daemon=True)
        self._thread.start()

    def _topic(self, name: str) -> _Topic:
        """Return the topic, looked up once. Raises LogNotFoundError."""
        if (found := self._topics.get(name)) is not None:
            return found
        with self._looking_up:
            if name not in self._topics:
                partitions = self._connection.partitions_of(name)
                largest = largest_record(self._connection, name)
                if largest not in self._producers:
                    self._producers[largest] = self._make_producer(largest)
                self._topics[name] = _Topic(partitions=partitions, largest=largest, producer=self._producers[largest])
            return self._topics[name]

    def _make_producer(self, largest: int) -> Producer:
        config = {
            "compression.type": "none",  # pictures are already compressed
            "linger.ms": 1,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": max(1, 2 * self._limit >> 10),  # `append` keeps the bound; this never decides
            **settings(self._url, self._connection.options, "ingest", self._causes),
            "enable.idempotence": True,
            "acks": "all",
            # A refused frame ends the client, because the frames after it would leave a hole in its place.
            "enable.gapless.guarantee": True,
            # We would send an expired message again under another sequence number: doubled, or out of order.
            "message.timeout.ms": 0,
            "message.max.bytes": largest,
        }
        with translated(self._url, self._causes):
            return Producer(config)

    # ---- streams

    # The broker is asked without `_lock`, which every stream's frames need, because it may answer slowly.

    def open_stream(self, stream: str, *, source: str, finite: bool, run_since_us: int | None = None) -> StreamState:
        check_stream(stream)
        with self._lock:
            self._check()
            if stream in self._streams:
                raise StreamBusyError(
                    f"stream {stream} is open in this writer already: give each source its own --stream"
                )
            lock = self._store.lock(stream)
        try:
            with self._lock:
                self._check()
                last = self._store.load(stream)
            plan = next_pass(_last_pass(last), source=source, finite=finite, run_since_us=run_since_us)
            # An epoch continues in its own topic, unless nobody would read it there any more.
            resumes = plan.resumes and last is not None and self._frames.matches(last.topic)
            origins: list[tuple[int, str]] = []
            if last is not None and resumes:
                row, origins = self._recovered(stream, replace(last, source=source))
            else:
                row = self._new_epoch(stream, last.epoch if last else 0, source, pass_index=0)
            with self._lock:
                self._check()
                self._store.save(stream, row, origins)
                self._streams[stream] = _Stream(row=row, lock=lock, taken=self._store.taken(stream, row.epoch))
        except BaseException:
            lock.release()
            raise
        return _state(stream, row, done=plan.done and resumes, replaced=plan.replaced)

    def _recovered(self, stream: str, row: StreamRow) -> tuple[StreamRow, list[tuple[int, str]]]:
        """Return the row moved past frames that the partition holds but the store did not remember. They were acknowledged to
        nobody, but they exist."""
        self._topic(row.topic)
        seq, offset, origins = find_last_seq(
            self._connection,
            stream,
            epoch=row.epoch,
            partition=Partition(row.topic, row.partition),
            seq=row.seq,
            offset=row.offset,
        )
        return replace(row, seq=seq, offset=offset), origins

    def _new_epoch(self, stream: str, last: int, source: str, pass_index: int) -> StreamRow:
        topic = self._frames.topic_of(stream, self._labels)
        partition = partition_of(stream, self._topic(topic).partitions)
        return StreamRow(
            epoch=next_epoch(last),
            source=source,
            pass_index=pass_index,
            finished_us=0,
            topic=topic,
            partition=partition,
            seq=-1,
            offset=log_end(self._connection, Partition(topic, partition)) - 1,
        )

    def taken(self, stream: str) -> frozenset[str]:
        with self._lock:
            return self._held(stream).taken

    def keep_account(self, account: IngestAccount) -> None:
        with self._lock:
            held = self._held(account.stream)
            held.account, held.account_at = account, held.sent
            self._settle(account.stream, held)

    def finish_pass(self, stream: str) -> None:
        with self._lock:
            held = self._held(stream)
            held.finish_at = held.sent
            self._settle(stream, held)

    def next_pass(self, stream: str) -> StreamState:
        """Start the next pass, after waiting until the last one is acknowledged, since the state on disk names one epoch. Raises
        LogUnavailableError after a minute."""
        deadline = Deadline.after(PASS_S)
        with self._lock:
            held = self._held(stream)
            while not held.quiet:
                if deadline.expired:
                    raise LogUnavailableError(
                        f"{self._url}: the last pass of {stream} is not acknowledged: {self.stalled}"
                    )
                self._quiet.wait(TICK_S)
                held = self._held(stream)
            last = held.row
        row = self._new_epoch(stream, last.epoch, last.source, last.pass_index + 1)
        with self._lock:
            self._check()
            held.row, held.taken = row, frozenset()
            self._store.save(stream, row)
        return _state(stream, row)

    def close_stream(self, stream: str, timeout_s: float) -> bool:
        deadline = Deadline.after(timeout_s)
        with self._lock:
            held = self._streams.get(stream)
            if held is None:
                return True
            while held.failure is None and not (held.quiet and held.finish_at is None):
                self._check()
                if deadline.expired:
                    return False
                self._quiet.wait(min(TICK_S, deadline.remaining_s))
        self._write_down()  # the next writer reads it
        with self._lock:
            self._streams.pop(stream, None)
        held.lock.release()
        if held.failure is not None:
            raise held.failure
        return True

    # ---- frames

    def append(self, frame: Frame, on_ack: Callable[[Ack], None] | None = None, timeout_s: float | None = None) -> bool:
        headers, size = frame_headers(frame), len(frame.payload)
        with self._lock:
            held = self._held(frame.key.stream)
            if frame.key.epoch != held.row.epoch:
                raise InvalidArgumentError(f"frame {frame.key} is not of the epoch being written, {held.row.epoch}")
            if not self._wait_for_room(size, timeout_s):
                return False
            self._count(held, 1, size)
        # The lock is not held, so that other streams are acknowledged while the client copies the picture. If Ctrl-C comes when the
        # client already has the frame, the frame stays counted.
        try:
            self._produce(
                frame, headers, held.row, partial(self._delivered, _Sent(frame.key, frame.origin, size), on_ack)
            )
        except Exception:
            with self._lock:
                self._count(held, -1, -size)
                self._tell(held)
            raise
        return True

    def _count(self, held: _Stream, frames: int, size: int) -> None:
        held.sent += frames
        self._queued += frames
        self._queued_bytes += size

    def _wait_for_room(self, size: int, timeout_s: float | None) -> bool:
        deadline = Deadline.after(timeout_s) if timeout_s is not None else None
        self._waiting += 1
        try:
            # A thread that comes while others wait does not take their room.
            allowed = self._limit if self._waiting == 1 else self._low
            while self._queued and self._queued_bytes + size > allowed:
                if deadline is not None and deadline.expired:
                    return False
                self._room.wait(TICK_S if deadline is None else min(TICK_S, deadline.remaining_s))
                self._check()
                allowed = self._low
            return True
        finally:
            self._waiting -= 1

    def _produce(self, frame: Frame, headers: Headers, row: StreamRow, delivered: DeliveryCallback) -> None:
        try:
            self._send(frame, headers, row, delivered)
        except KafkaException as raised:
            if raised.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                raise explain(raised.args[0], self._url, row.topic) from raised
            largest = self._topics[row.topic].largest
            error = f"too_large: {len(frame.payload)} bytes and {largest} are allowed; {LIMITS}"
            logger.warning("frame %s: %s", frame.key, error)
            stub = replace(frame, payload=b"")
            self._send(stub, frame_headers(stub, error=error), row, delivered)

    def _send(self, frame: Frame, headers: Headers, row: StreamRow, delivered: DeliveryCallback) -> None:
        self._topics[row.topic].producer.produce(
            row.topic,
            value=frame.payload,
            key=frame.key.stream,
            partition=row.partition,
            headers=headers,
            on_delivery=delivered,
        )

    def _delivered(
        self, sent: _Sent, on_ack: Callable[[Ack], None] | None, error: KafkaError | None, message: Message
    ) -> None:
        """Handle a delivery report. Called from the writer's thread, in order per stream. A frame counts as queued until its
        callback has returned, and after a client's failure until the reason is known."""
        if error is not None and error.code() in _OF_A_FATAL_ONE:
            return
        if error is None:
            _core.failpoint("ingest.appended")
            if on_ack is not None:
                self._call_back(on_ack, Ack(pointer=pointer_of(message)))
        with self._lock:
            self._queued_bytes -= sent.size
            self._queued -= 1
            self._progress_s = time.monotonic()
            held = self._streams.get(sent.key.stream)
            if held is not None and held.row.epoch != sent.key.epoch:
                held = None  # the stream was given up after a failure and opened again
            if error is not None:
                self._failed(sent, error, message.topic() or "")
            elif held is not None and held.failure is None:  # after a lost frame, nothing is acknowledged
                self._remember(held, sent, message.offset() or 0)
            self._tell(held)

    def _tell(self, held: _Stream | None) -> None:
        """Wake every waiter whose condition now holds."""
        if not self._queued or self._queued_bytes <= self._low or self._failure is not None:
            self._room.notify_all()
        if not self._queued or held is None or held.quiet or self._failure is not None:
            self._quiet.notify_all()

    def _failed(self, sent: _Sent, error: KafkaError, topic: str) -> None:
        """Handle a frame's failure. When one of many topics has been deleted, only its streams end."""
        stream = sent.key.stream
        deleted = error.code() in MISSING or error.code() == KafkaError._DESTROY  # it was in flight then
        explained = missing(topic, self._url) if deleted else explain(error, self._url, topic)
        if deleted and self._connection.may_vanish(topic):
            if (held := self._streams.get(stream)) is not None:  # otherwise it was given up at its first failure
                held.failure = held.failure or explained
        elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            if self._too_large is None or sent.size > self._too_large[0]:
                self._too_large = sent.size, sent.key, explained
        else:
            self._failure = self._failure or explained

    def _call_back(self, on_ack: Callable[[Ack], None], ack: Ack) -> None:
        try:
            on_ack(ack)
        except Exception:
            logger.exception("the acknowledgement callback of %s failed", ack.pointer)

    def _remember(self, held: _Stream, sent: _Sent, offset: int) -> None:
        key, origin = sent.key, sent.origin
        held.acked += 1
        last = self._acknowledged.get(key.stream)
        if last is None or last.epoch != key.epoch:
            last = self._acknowledged[key.stream] = Acknowledged(epoch=key.epoch)
        last.seq, last.offset = key.seq, offset
        if origin:
            last.origins.append((key.seq, origin))
        self._settle(key.stream, held)

    def _settle(self, stream: str, held: _Stream) -> None:
        """Mark a source finished once its last frame is acknowledged, and keep an account once its frames are."""
        if held.account is not None and held.acked >= held.account_at:
            account, held.account = held.account, None
            self._keep(account)
        if held.finish_at is not None and held.acked >= held.finish_at:
            held.finish_at = None
            self._store.move(self._acknowledged)
            self._acknowledged = {}
            held.row = replace(self._store.load(stream) or held.row, finished_us=now_us())
            self._store.save(stream, held.row)

    def _keep(self, account: IngestAccount) -> None:
        try:
            self._store.keep_account(account)
        except FramehopError as error:  # a full disk; the next account is kept, or the one before stays
            logger.warning("ingest's account of %s is not kept: %s", account.stream, error)

    def _poll(self) -> None:
        """Poll each producer in turn; there is nearly always one. Acknowledgements may gather a little, since each turn of this
        thread costs the appending threads one."""
        producers = list(self._producers.values())
        heard = [producer.poll(TICK_S / len(producers)) for producer in producers]
        if any(heard):
            self._ending.wait(GATHER_S)
        if not producers:  # before the first stream is open
            self._ending.wait(TICK_S)

    def _serve(self) -> None:
        """Run the writer's thread: delivery reports, and the state on disk, at most twenty times a second."""
        while not self._ending.is_set():
            try:
                with translated(self._url, self._causes, self._frames.text):
                    self._poll()
            except FramehopError as error:  # a fatal error, such as no right to write at all
                self._fail(error)
            if time.monotonic() - self._remembered_s >= TICK_S:
                self._write_down()
                self._remembered_s = time.monotonic()

    def _fail(self, error: FramehopError) -> None:
        """End everything, because the client failed. If a frame was the cause, it is reported right afterwards."""
        with suppress(FramehopError), translated(self._url, self._causes, self._frames.text):
            self._poll()
        with self._lock:
            self._failure = self._failure or self._named() or error
            self._room.notify_all()
            self._quiet.notify_all()

    def _named(self) -> FramehopError | None:
        """Return an error naming the largest frame of the refused batch. The client knew the topic's limit at its start, so the
        limit was lowered since."""
        if self._too_large is None:
            return None
        size, key, explained = self._too_large
        return LogError(
            f"frame {key}, of {size} bytes, or the frames sent along with it are more than the topic takes now: {explained}. "
            "Nothing behind it was written; the next start goes on with it, and heeds the limit"
        )

    def _write_down(self) -> None:
        with self._lock:
            try:
                if self._acknowledged:
                    self._store.move(self._acknowledged)
                    self._acknowledged = {}
            except (
                FramehopError
            ) as error:  # a full disk; after a crash less is known, and the partition is read instead
                logger.warning("what was acknowledged is not remembered: %s", error)

    # ---- ends

    def flush(self, timeout_s: float) -> bool:
        deadline = Deadline.after(timeout_s)
        with self._lock:
            self._check()
            while self._queued:
                if deadline.expired:
                    return False
                self._quiet.wait(min(TICK_S, deadline.remaining_s))
                self._check()
            return True

    @property
    def stalled(self) -> str:
        """The true reason why nothing is acknowledged at the moment; else empty."""
        if not self._queued or time.monotonic() - self._progress_s < SILENCE_S:
            return ""
        cause = self._causes.refused or self._causes.since(self._progress_s)
        return str(explain(cause, self._url, self._frames.text)) if cause else "the broker does not acknowledge"

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            deadline = Deadline.after(WRITER_CLOSE_S)
            while self._queued and self._failure is None and not deadline.expired:
                self._quiet.wait(TICK_S)
            left, why = self._queued, self.stalled or "the time is up"
        self._ending.set()
        self._thread.join()
        if left:
            logger.warning("%d frames were not acknowledged at close, and are in doubt: %s", left, why)
            for producer in list(self._producers.values()):
                producer.purge()
        self._write_down()
        for held in self._streams.values():
            held.lock.release()
        self._store.close()

    @property
    def closed(self) -> bool:
        return self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _held(self, stream: str) -> _Stream:
        self._check()
        if stream not in self._streams:
            raise InvalidArgumentError(f"stream {stream!r} is not open in this writer: call open_stream first")
        held = self._streams[stream]
        if held.failure is not None:
            raise held.failure
        return held

    def _check(self) -> None:
        if self._closed:
            raise ClosedError("this writer of the log is closed")
        if self._failure is not None:
            raise self._failure


def _last_pass(row: StreamRow | None) -> LastPass | None:
    return LastPass(source=row.source, epoch=row.epoch, finished_us=row.finished_us) if row is not None else None


def _state(stream: str, row: StreamRow, *, done: bool = False, replaced: bool = False) -> StreamState:
    return StreamState(
        stream=stream, epoch=row.epoch, next_seq=row.seq + 1, pass_index=row.pass_index, done=done, replaced=replaced
    )
