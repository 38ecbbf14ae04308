"""The clients by which a writer sends frames."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from framehop.log.kafka.connection import Connection, settings
from framehop.log.kafka.errors import LIMITS, Causes, explain, translated
from framehop.log.kafka.offset_queries import largest_record, log_end
from framehop.log.kafka.wire import Headers, frame_headers
from framehop.partitioning import partition_of
from framehop.types import Frame, Partition, Place

logger = logging.getLogger(__name__)

DeliveryCallback = Callable[[KafkaError | None, Message], None]

TICK_S = 0.05
REST_S = 0.2
GATHER_S = 0.005  # little compared with a broker's answer, and dozens of frames at full speed


@dataclass(frozen=True, slots=True, kw_only=True)
class WritableTopic:
    """A topic that is written to. `largest`: bytes of a record that it takes. `producer`: shared by all topics with the same limit,
    since a client has one limit, which also bounds its batches."""

    partitions: int
    largest: int
    producer: Producer


class Producers:
    """Idempotent producers that wait for all replicas in sync and never give up on a frame: one for each limit that topics have.

    Thread-safe. It owns the lock of its topics, which is held while a broker is asked about a new one; what is known is read
    without it, since topics and producers are never removed.
    """

    def __init__(self, connection: Connection, causes: Causes) -> None:
        self._connection, self._url, self._causes = connection, connection.url, causes
        self._looking_up = threading.Lock()
        self._topics: dict[str, WritableTopic] = {}
        self._producers: dict[int, Producer] = {}

    def topic(self, name: str) -> WritableTopic:
        """Return the topic, looked up once. Raises LogNotFoundError."""
        if (found := self._topics.get(name)) is not None:
            return found
        with self._looking_up:
            if name not in self._topics:
                partitions = self._connection.partition_count(name)
                largest = largest_record(self._connection, name)
                if largest not in self._producers:
                    self._producers[largest] = self._make(largest)
                self._topics[name] = WritableTopic(
                    partitions=partitions, largest=largest, producer=self._producers[largest]
                )
            return self._topics[name]

    def begin(self, stream: str, labels: Mapping[str, str]) -> Place:
        """Return where an epoch of `stream` that begins now belongs: in its partition, at the end. `labels`: the stream's own,
        which hold before those of the log's options. Raises LogNotFoundError."""
        topic = self._connection.frames.topic_of(stream, {**self._connection.options.labels, **labels})
        partition = Partition(topic, partition_of(stream, self.topic(topic).partitions))
        return Place(partition, log_end(self._connection, partition))

    def _make(self, largest: int) -> Producer:
        options = self._connection.options
        config = {
            "compression.type": "none",  # pictures are already compressed
            "linger.ms": 1,
            "queue.buffering.max.messages": 1_000_000,
            # The writer's queue keeps the bound; this never decides.
            "queue.buffering.max.kbytes": max(1, 2 * options.queue_bytes >> 10),
            **settings(self._url, options, "ingest", self._causes),
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

    def send(self, frame: Frame, headers: Headers, to: Partition, delivered: DeliveryCallback) -> None:
        """Give a frame to the client, which calls `delivered` from `poll`. A frame that is larger than the topic takes is sent
        without its picture. `to`: a partition of a known topic. Raises LogError."""
        try:
            self._produce(frame, headers, to, delivered)
        except KafkaException as raised:
            if raised.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                raise explain(raised.args[0], self._url, to.topic) from raised
            largest = self._topics[to.topic].largest
            error = f"too_large: {len(frame.payload)} bytes and {largest} are allowed; {LIMITS}"
            logger.warning("frame %s: %s", frame.key, error)
            stub = replace(frame, payload=b"")
            self._produce(stub, frame_headers(stub, error=error), to, delivered)

    def _produce(self, frame: Frame, headers: Headers, to: Partition, delivered: DeliveryCallback) -> None:
        self._topics[to.topic].producer.produce(
            to.topic,
            value=frame.payload,
            key=frame.key.stream,
            partition=to.number,
            headers=headers,
            on_delivery=delivered,
        )

    def poll(self, ending: threading.Event, *, resting: bool) -> bool:
        """Poll each producer in turn; there is nearly always one. Return whether there were acknowledgements. They may gather a
        little, since each turn of the polling thread costs the appending threads one. `ending` cuts that short. `resting`: nothing
        is under way, so a poll may wait longer, but not for one producer while another is used. Raises KafkaException when a client
        has failed for good."""
        producers = list(self._producers.values())
        wait_s = REST_S if resting and len(producers) <= 1 else TICK_S
        heard = [producer.poll(wait_s / len(producers)) for producer in producers]
        if any(heard):
            ending.wait(GATHER_S)
        if not producers:  # before the first stream is open
            ending.wait(wait_s)
        return any(heard)

    def purge(self) -> None:
        """Give up on everything that is not acknowledged."""
        for producer in list(self._producers.values()):
            producer.purge()
