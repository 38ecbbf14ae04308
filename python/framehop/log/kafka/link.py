"""The way of a spool's frames into Kafka: frames of any epoch, without a stream that is open."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from confluent_kafka import KafkaError, Message

from framehop.errors import FramehopError
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.delivery_thread import OF_A_FATAL_ONE, DeliveryThread, why_silent
from framehop.log.kafka.errors import MISSING, Causes, explain, missing
from framehop.log.kafka.gap_reports import GapReports
from framehop.log.kafka.partition_scan import find_last_seq
from framehop.log.kafka.producers import Producers
from framehop.log.kafka.send_queue import SendQueue
from framehop.log.kafka.wire import frame_headers, pointer_of
from framehop.log.spool.behind import Told
from framehop.protocols import Ack
from framehop.types import Frame, FrameKey, Gap, Partition, Place


class KafkaLink:
    """The Link of a spool: an idempotent producer that waits for all replicas in sync and never gives up on a frame."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._url = connection, connection.url
        connection.frames.check_labels(connection.options.labels)
        self._causes = Causes()
        self._producers = Producers(connection, self._causes)
        self._queue = SendQueue(connection.options.queue_bytes)
        self._gaps = GapReports(connection)
        self._thread = DeliveryThread(connection, self._producers, self._queue, self._causes, name="kafka-link")

    def place(self, stream: str, labels: Mapping[str, str]) -> Place:
        return self._producers.begin(stream, labels)

    def last_seq(self, stream: str, epoch: int, place: Place) -> int:
        seq, _, _ = find_last_seq(
            self._connection, stream, epoch=epoch, partition=place.partition, seq=-1, offset=place.offset - 1
        )
        return seq

    def send(self, frame: Frame, to: Partition, told: Told, timeout_s: float) -> bool:
        headers, size = frame_headers(frame), len(frame.payload)
        self._producers.topic(to.topic)
        with self._queue.lock:
            self._queue.check()
            if not self._queue.wait_room(size, timeout_s):
                return False
            self._queue.add(size)
        try:
            self._producers.send(frame, headers, to, partial(self._delivered, frame.key, size, told))
        except BaseException:
            with self._queue.lock:
                self._queue.take_back(size)
                self._queue.tell(quiet=False)
            raise
        return True

    def _delivered(self, key: FrameKey, size: int, told: Told, error: KafkaError | None, message: Message) -> None:
        """Handle a delivery report. Called from the link's thread, in order per partition."""
        if error is not None and error.code() in OF_A_FATAL_ONE:
            return
        if error is None:
            told(Ack(pointer=pointer_of(message)))
        with self._queue.lock:
            self._queue.answered(size)
            gone = self._failed(key, size, error, message.topic() or "") if error is not None else None
            self._queue.tell(quiet=False)
        if gone is not None:
            told(gone)

    def _failed(self, key: FrameKey, size: int, error: KafkaError, topic: str) -> FramehopError | None:
        """Return the error that ends the stream alone, as one of many topics was deleted; else end the link."""
        deleted = error.code() in MISSING or error.code() == KafkaError._DESTROY
        explained = missing(topic, self._url) if deleted else explain(error, self._url, topic)
        if deleted and self._connection.may_vanish(topic):
            return explained
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self._queue.refuse(size, key, explained)
        else:
            self._queue.fail(explained)
        return None

    def check(self) -> None:
        with self._queue.lock:
            self._queue.check()

    def report(self, gap: Gap) -> None:
        self._gaps.report(gap)

    @property
    def stalled(self) -> str:
        return why_silent(self._queue, self._causes, self._connection)

    def close(self) -> None:
        if self._queue.lock.left:
            return
        with self._queue.lock:
            if not self._queue.close():
                return
        self._thread.stop()
        self._producers.purge()
        self._gaps.close()

    @property
    def closed(self) -> bool:
        return self._queue.closed
