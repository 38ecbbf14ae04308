"""Write events to Kafka, and then the group's offsets: at least once, or exactly once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from framehop import _core
from framehop.errors import FramehopError, LogError, LogUnavailableError
from framehop.log.kafka.connection import Connection, settings
from framehop.log.kafka.errors import Causes, explain, translated
from framehop.log.kafka.offset_queries import DEFAULT_LARGEST
from framehop.log.kafka.output_records import Output
from framehop.timing import Deadline

logger = logging.getLogger(__name__)

STALL_S = 2.0  # how long a commit waits for the broker before it reports; it continues afterwards
TICK_S = 0.05
TRANSACTION_S = 10.0  # a dead worker's open transaction hides later records for so long
HUNG_S = TRANSACTION_S + 1.0
INIT_S = 30.0


class EventDelivery(Protocol):
    """Makes outputs and offsets durable. Used by one thread at a time."""

    def deliver(self, outputs: Sequence[Output], marks: Sequence[TopicPartition], generation: object) -> dict[str, int]:
        """Return once `outputs` are durable, with their offsets by identity, as far as the broker told them. `generation`: the
        consumer's group metadata, by which the broker refuses a member that was replaced. Raises LogUnavailableError when the
        broker does not answer; call again with the same outputs, nothing is doubled. A LogError ends the worker."""

    def close(self) -> None: ...


class StaleGenerationError(LogUnavailableError):
    """The group has moved on and nothing was written; try again with its new generation."""


_STALE = {
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.REBALANCE_IN_PROGRESS,
    # We fence ourselves when we come back after a lost session. If another process did, the consumer's own thread hears of it and
    # ends us.
    KafkaError.FENCED_INSTANCE_ID,
}


class AtLeastOnce:
    """An idempotent producer. It does not handle offsets; the caller commits them afterwards."""

    def __init__(self, connection: Connection, instance: str, *, largest: int = DEFAULT_LARGEST) -> None:
        self._url = connection.url
        self._causes = Causes()
        # The offset by identity, None until it is delivered, of outputs that the last call did not finish.
        self._sent: dict[str, int | None] = {}
        self._failure: FramehopError | None = None
        with translated(self._url, self._causes):
            self._producer = Producer(producer_settings(connection, self._causes, largest))

    def deliver(self, outputs: Sequence[Output], marks: Sequence[TopicPartition], generation: object) -> dict[str, int]:
        for output in outputs:
            if output.identity not in self._sent:
                with translated(self._url, self._causes, output.topic):
                    produce(self._producer, output, self._report(output.identity), self._url)
                self._sent[output.identity] = None
        self._wait([output.identity for output in outputs])
        return _told({output.identity: self._sent.pop(output.identity, None) for output in outputs})

    def _report(self, identity: str) -> Callable[[KafkaError | None, Message], None]:
        def report(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._failure = explain(error, self._url, self._url.detections)
            elif identity in self._sent:
                self._sent[identity] = _offset_of(message)

        return report

    def _wait(self, identities: Sequence[str]) -> None:
        began_s, deadline = time.monotonic(), Deadline.after(STALL_S)
        while any(self._sent[identity] is None for identity in identities):
            with translated(self._url, self._causes, self._url.detections):
                self._producer.poll(TICK_S)  # raises a fatal error, such as no right to write at all
            if self._failure is not None:
                raise self._failure
            if deadline.expired:
                cause = self._causes.refused or self._causes.since(began_s)
                said = (
                    str(explain(cause, self._url, self._url.detections))
                    if cause
                    else f"{self._url}: it does not acknowledge them; framehop topics check says what it lacks"
                )
                raise LogUnavailableError(f"events wait for the broker: {said}")

    def close(self) -> None:
        try:
            self._producer.flush(STALL_S)
        except KafkaException as raised:  # a fatal error first reported here; delivered records are not affected by it
            logger.info("%s", explain(raised.args[0], self._url, self._url.detections))


class ExactlyOnce:
    """A transaction for outputs and offsets together, opened only when the outputs are there, never across an inference.

    It is as strong as librdkafka's transactions. When the outcome of one is unknown, the producer and the worker are given up; the
    successor's start ends the transaction one way or the other, and the offsets tell which.
    """

    def __init__(self, connection: Connection, instance: str, *, largest: int = DEFAULT_LARGEST) -> None:
        self._url = connection.url
        self._causes = Causes()
        self._interval_s = connection.options.commit_interval_s
        self._last_s = 0.0
        self._hung = False
        with translated(self._url, self._causes):
            self._producer = Producer(
                producer_settings(connection, self._causes, largest)
                | {"transactional.id": instance, "transaction.timeout.ms": int(TRANSACTION_S * 1000)}
            )
            self._producer.init_transactions(INIT_S)

    def deliver(self, outputs: Sequence[Output], marks: Sequence[TopicPartition], generation: object) -> dict[str, int]:
        if not (outputs or marks):
            return {}
        if self._hung:
            raise LogError(f"{self._url}: a transaction hangs")
        time.sleep(max(0.0, self._last_s + self._interval_s - time.monotonic()))
        offsets: dict[str, int | None] = {}
        try:
            self._fill(outputs, marks, generation, offsets)
        except KafkaException as raised:
            self._abort(raised)
        try:
            self._producer.commit_transaction(TRANSACTION_S)
        except KafkaException as raised:
            if raised.args[0].txn_requires_abort():
                self._abort(raised)
            raise LogError(
                f"{self._url}: the outcome of a transaction is not known ({raised.args[0].str()}): the worker starts anew and "
                "finds out"
            ) from raised
        self._last_s = time.monotonic()
        return _told(offsets)

    def _fill(
        self,
        outputs: Sequence[Output],
        marks: Sequence[TopicPartition],
        generation: object,
        offsets: dict[str, int | None],
    ) -> None:
        """Fill the transaction. `offsets`: gets those of the outputs, which the client tells before it has committed."""
        self._producer.begin_transaction()
        for output in outputs:
            produce(self._producer, output, _reporter(offsets, output.identity), self._url)
        _core.failpoint("event.produced")
        if marks:
            self._send_offsets(marks, generation)
        _core.failpoint("offsets.stored")

    def _send_offsets(self, marks: Sequence[TopicPartition], generation: object) -> None:
        """Send offsets from a thread of its own. When the broker goes away meanwhile, the client's call may never return, whatever
        its time-out (issues 5456 and 5511 of librdkafka, open in 2.16); the producer is then lost with it."""
        outcome: list[Exception | None] = []

        def send() -> None:
            try:
                self._producer.send_offsets_to_transaction(list(marks), generation, TRANSACTION_S)
            except Exception as raised:  # noqa: BLE001  raised again by the waiting thread
                outcome.append(raised)
            else:
                outcome.append(None)

        thread = threading.Thread(target=send, name="kafka-offsets", daemon=True)
        thread.start()
        thread.join(HUNG_S)
        if not outcome:
            self._hung = True
            raise LogError(
                f"{self._url}: offsets were not answered for {HUNG_S:.0f} s: the worker starts anew, and its transaction is aborted"
            )
        if outcome[0] is not None:
            raise outcome[0]

    def _abort(self, raised: KafkaException) -> NoReturn:
        """Abort the transaction, so that nothing of it is visible. It can be tried again if the broker was away or our generation
        was old, but not if we were fenced."""
        error = explain(raised.args[0], self._url, self._url.detections)
        if raised.args[0].fatal():
            raise error from raised
        try:
            self._producer.abort_transaction(TRANSACTION_S)
        except KafkaException as second:
            raise LogError(f"{self._url}: a transaction could not be aborted: {second.args[0].str()}") from second
        if raised.args[0].code() in _STALE:
            raise StaleGenerationError(f"events wait for the group: {raised.args[0].str()}") from raised
        if raised.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:  # only a restarted worker learns the limit
            raise error from raised
        raise LogUnavailableError(f"events wait for the broker: {error}") from raised

    def close(self) -> None:
        """Do nothing: no transaction is open between two calls."""


def _reporter(offsets: dict[str, int | None], identity: str) -> Callable[[KafkaError | None, Message], None]:
    """Return what notes the offset of an output; whether it is durable the transaction tells."""

    def report(error: KafkaError | None, message: Message) -> None:
        if error is None:
            offsets[identity] = _offset_of(message)

    return report


def _offset_of(message: Message) -> int:
    """Return the offset of a delivered record; less than 0 when the client was not told it."""
    offset = message.offset()
    return -1 if offset is None else offset


def _told(offsets: Mapping[str, int | None]) -> dict[str, int]:
    return {identity: offset for identity, offset in offsets.items() if offset is not None and offset >= 0}


def producer_settings(connection: Connection, causes: Causes, largest: int) -> dict[str, Any]:
    """Return a producer's settings. `largest`: bytes that the topics take at a time. The client fills batches up to it, and the
    broker counts a batch as one record."""
    return {
        "linger.ms": 1,
        "compression.type": "none",
        **settings(connection.url, connection.options, "worker", causes),
        "enable.idempotence": True,
        "acks": "all",
        "message.timeout.ms": 0,
        "message.max.bytes": largest,
    }


def produce(producer: Producer, output: Output, report: Callable[[KafkaError | None, Message], None], url: Any) -> None:
    """Put an output into the producer's queue, waiting while it is full; it drains at the broker's pace."""
    deadline = Deadline.after(STALL_S)
    value, headers = output.record
    while True:
        try:
            producer.produce(
                output.topic,
                value=value,
                key=output.key,
                partition=output.partition,
                headers=headers,
                on_delivery=report,
            )
        except BufferError as error:
            producer.poll(TICK_S)
            if deadline.expired:
                raise LogUnavailableError(f"{url}: the queue of events is full, and the broker takes none") from error
        else:
            return
