"""Append frames to Kafka."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Self

from confluent_kafka import KafkaError, Message

from framehop import _core
from framehop.account import IngestAccount
from framehop.budgets import WRITER_CLOSE_S
from framehop.errors import InvalidArgumentError, LogUnavailableError
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.delivery_thread import OF_A_FATAL_ONE, DeliveryThread, why_silent
from framehop.log.kafka.epochs import Epochs
from framehop.log.kafka.errors import MISSING, Causes, explain, missing
from framehop.log.kafka.producers import TICK_S, Producers
from framehop.log.kafka.send_queue import SendQueue
from framehop.log.kafka.stream_ledger import Sent, StreamLedger
from framehop.log.kafka.stream_store import StoredStream, StreamStore, state_directory
from framehop.log.kafka.wire import frame_headers, pointer_of
from framehop.protocols import NO_LABELS, Ack
from framehop.timing import Deadline
from framehop.types import Frame, Partition, StreamState, check_stream

logger = logging.getLogger(__name__)

PASS_S = 60.0


class KafkaWriter:
    """The log's FrameWriter: an idempotent producer that waits for all replicas in sync and never gives up on a frame.

    It is thread-safe, with one thread per stream. `close` waits up to 5 s for the queue; the fate of frames unacknowledged by then
    is unknown, with a warning, and the next writer of a finite source finds it out.

    Its parts: `SendQueue` owns the lock, which also guards the `StreamLedger`. `Producers` and `Epochs` talk to the broker and are
    called without it. A thread of its own takes the delivery reports.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection, self._url, self._frames = connection, connection.url, connection.frames
        self._causes = Causes()
        self._producers = Producers(connection, self._causes)
        self._epochs = Epochs(connection, self._producers)
        self._frames.check_labels(connection.options.labels)
        if not self._frames.per_stream:
            self._producers.topic(self._frames.topic_of("", connection.options.labels))
        self._streams = StreamLedger(StreamStore(state_directory(self._url, connection.options), self._url.frames))
        self._queue = SendQueue(connection.options.queue_bytes)
        self._lock = self._queue.lock
        self._written_s = time.monotonic()
        self._thread = DeliveryThread(
            connection, self._producers, self._queue, self._causes, name="kafka-writer", on_turn=self._write_down
        )

    # ---- streams

    def open_stream(
        self,
        stream: str,
        *,
        source: str,
        finite: bool,
        run_since_us: int | None = None,
        labels: Mapping[str, str] = NO_LABELS,
    ) -> StreamState:
        check_stream(stream)
        with self._lock:
            self._queue.check()
            lock = self._streams.lock(stream)
        try:
            with self._lock:
                self._queue.check()
                last = self._streams.load(stream)
            start = self._epochs.start(
                stream, last, source=source, finite=finite, run_since_us=run_since_us, labels=labels
            )
            with self._lock:
                self._queue.check()
                self._streams.open(stream, start.row, start.origins, lock, labels)
        except BaseException:
            lock.release()
            raise
        return _state(stream, start.row, done=start.done, replaced=start.replaced)

    def taken(self, stream: str) -> frozenset[str]:
        with self._lock:
            self._queue.check()
            return self._streams.held(stream).taken

    def keep_account(self, account: IngestAccount) -> None:
        with self._lock:
            self._queue.check()
            self._streams.keep_account(account)

    def finish_pass(self, stream: str) -> None:
        with self._lock:
            self._queue.check()
            self._streams.finish_pass(stream)

    def next_pass(self, stream: str) -> StreamState:
        """Start the next pass, after waiting until the last one is acknowledged, since the state on disk names one epoch. Raises
        LogUnavailableError after a minute."""
        deadline = Deadline.after(PASS_S)
        with self._lock:
            self._queue.check()
            held = self._streams.held(stream)
            while not held.quiet:
                if deadline.expired:
                    raise LogUnavailableError(
                        f"{self._url}: the last pass of {stream} is not acknowledged: {self.stalled}"
                    )
                self._queue.wait_quiet(TICK_S)
                self._queue.check()
                held = self._streams.held(stream)
            last, labels = held.row, held.labels
        row = self._epochs.new(stream, last.epoch, last.source, last.pass_index + 1, labels)
        with self._lock:
            self._queue.check()
            self._streams.begin_pass(stream, held, row)
        return _state(stream, row)

    def close_stream(self, stream: str, timeout_s: float) -> bool:
        deadline = Deadline.after(timeout_s)
        with self._lock:
            held = self._streams.find(stream)
            if held is None:
                return True
            while held.failure is None and not (held.quiet and held.finish_at is None):
                self._queue.check()
                if deadline.expired:
                    return False
                self._queue.wait_quiet(deadline.remaining_s)
            self._streams.write_down()  # the next writer reads it
            self._streams.forget(stream)
        held.lock.release()
        if held.failure is not None:
            raise held.failure
        return True

    # ---- frames

    def append(self, frame: Frame, on_ack: Callable[[Ack], None] | None = None, timeout_s: float | None = None) -> bool:
        headers, size = frame_headers(frame), len(frame.payload)
        with self._lock:
            self._queue.check()
            held = self._streams.held(frame.key.stream)
            if frame.key.epoch != held.row.epoch:
                raise InvalidArgumentError(f"frame {frame.key} is not of the epoch being written, {held.row.epoch}")
            if not self._queue.wait_room(size, timeout_s):
                return False
            held.sent += 1
            self._queue.add(size)
        # The lock is not held, so that other streams are acknowledged while the client copies the picture. If Ctrl-C comes when the
        # client already has the frame, the frame stays counted.
        try:
            delivered = partial(self._delivered, Sent(frame.key, frame.origin, size), on_ack)
            self._producers.send(frame, headers, Partition(held.row.topic, held.row.partition), delivered)
        except Exception:
            with self._lock:
                held.sent -= 1
                self._queue.take_back(size)
                self._queue.tell(quiet=held.quiet)
            raise
        return True

    def _delivered(
        self, sent: Sent, on_ack: Callable[[Ack], None] | None, error: KafkaError | None, message: Message
    ) -> None:
        """Handle a delivery report. Called from the writer's thread, in order per stream. A frame counts as queued until its
        callback has returned, and after a client's failure until the reason is known."""
        if error is not None and error.code() in OF_A_FATAL_ONE:
            return
        if error is None:
            _core.failpoint("ingest.appended")
            if on_ack is not None:
                _call_back(on_ack, Ack(pointer=pointer_of(message)))
        with self._lock:
            self._queue.answered(sent.size)
            held = self._streams.find(sent.key.stream)
            if held is not None and held.row.epoch != sent.key.epoch:
                held = None  # the stream was given up after a failure and opened again
            if error is not None:
                self._failed(sent, error, message.topic() or "")
            elif held is not None and held.failure is None:  # after a lost frame, nothing is acknowledged
                self._streams.remember(held, sent, message.offset() or 0)
            self._queue.tell(quiet=held is None or held.quiet)

    def _failed(self, sent: Sent, error: KafkaError, topic: str) -> None:
        """Handle a frame's failure. When one of many topics has been deleted, only its streams end."""
        deleted = error.code() in MISSING or error.code() == KafkaError._DESTROY  # it was in flight then
        explained = missing(topic, self._url) if deleted else explain(error, self._url, topic)
        if deleted and self._connection.may_vanish(topic):
            if (held := self._streams.find(sent.key.stream)) is not None:  # else it was given up at its first failure
                held.failure = held.failure or explained
        elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self._queue.refuse(sent.size, sent.key, explained)
        else:
            self._queue.fail(explained)

    # ---- the thread

    def _write_down(self) -> None:
        """Keep the state on disk, at most twenty times a second."""
        if time.monotonic() - self._written_s >= TICK_S:
            with self._lock:
                self._streams.write_down()
            self._written_s = time.monotonic()

    # ---- ends

    def flush(self, timeout_s: float) -> bool:
        deadline = Deadline.after(timeout_s)
        with self._lock:
            self._queue.check()
            while self._queue.frames:
                if deadline.expired:
                    return False
                self._queue.wait_quiet(deadline.remaining_s)
                self._queue.check()
            return True

    @property
    def stalled(self) -> str:
        """The true reason why nothing is acknowledged at the moment; else empty."""
        return why_silent(self._queue, self._causes, self._connection)

    def close(self) -> None:
        if self._lock.left:
            return
        with self._lock:
            if not self._queue.close():
                return
            deadline = Deadline.after(WRITER_CLOSE_S)
            while self._queue.frames and not self._queue.failed and not deadline.expired:
                self._queue.wait_quiet(TICK_S)
            left, why = self._queue.frames, self.stalled or "the time is up"
        self._thread.stop()
        if left:
            logger.warning("%d frames were not acknowledged at close, and are in doubt: %s", left, why)
            self._producers.purge()
        with self._lock:
            self._streams.write_down()
        self._streams.close()

    @property
    def closed(self) -> bool:
        return self._queue.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _call_back(on_ack: Callable[[Ack], None], ack: Ack) -> None:
    try:
        on_ack(ack)
    except Exception:
        logger.exception("the acknowledgement callback of %s failed", ack.pointer)


def _state(stream: str, row: StoredStream, *, done: bool = False, replaced: bool = False) -> StreamState:
    return StreamState(
        stream=stream, epoch=row.epoch, next_seq=row.seq + 1, pass_index=row.pass_index, done=done, replaced=replaced
    )
