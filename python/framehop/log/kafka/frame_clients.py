"""Reads single frames of a log in Kafka. Clients are kept from one frame to the next, since a new one costs several requests."""

from __future__ import annotations

import threading
from collections.abc import Callable

from confluent_kafka import KafkaError, Message

from framehop.errors import ClosedError
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.errors import MISSING, Causes, explain, translated
from framehop.log.kafka.offset_queries import range_of, to_client
from framehop.log.kafka.partition_scan import SILENCE_S, of_no_group, plain_consumer
from framehop.log.kafka.wire import pointer_of
from framehop.timing import Deadline
from framehop.types import FramePointer, Partition

KEPT = 4  # each stays in the partition that it read last
NEAR = (
    64  # records that a client reads and drops on the way to the next frame, where it would else turn to another place
)
END_OF_OFFSETS = 1 << 63
SLICE_S = 0.1  # Ctrl-C and the log's end are noticed between two slices
_OUT_OF_RANGE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}
# Who reads one frame mostly does not read what follows at once: a client fetches ahead little, and goes on soon.
_SETTINGS = {"queued.min.messages": NEAR, "fetch.error.backoff.ms": 50}


class FrameClient:
    """One client and its place. Use from one thread at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._causes = Causes()
        self._consumer = plain_consumer(connection, "frames", self._causes, **_SETTINGS)
        self._place: FramePointer | None = None  # of the next record that comes by itself
        self._ahead: Message | None = None  # a record that has come and was not asked for yet

    def comes_to(self, pointer: FramePointer) -> bool:
        """Return whether the record is among the next ones that come by themselves."""
        place = self._place
        return (
            place is not None
            and place.topic_partition == pointer.topic_partition
            and place.offset <= pointer.offset <= place.offset + NEAR
        )

    def read(self, pointer: FramePointer, stopped: Callable[[], bool]) -> Message | None:
        """Return the record at `pointer`, or None when there is none. Raises LogError, and ClosedError once `stopped` is true; the
        client is then of no more use."""
        if not self.comes_to(pointer):
            self._turn_to(pointer)
        deadline = Deadline.after(SILENCE_S)
        while not stopped():
            message = self._next_message()
            if message is None and not self._is_there(pointer.topic_partition, pointer.offset):
                return None
            if message is None and deadline.expired:
                cause = self._causes.refused or self._causes.since(0.0) or KafkaError(KafkaError._TIMED_OUT)
                raise explain(cause, self._connection.url, pointer.topic)
            if message is not None and self._passes(message, pointer):
                return message if pointer_of(message) == pointer and message.error() is None else None
        raise ClosedError(f"the log {self._connection.url} was closed while it was read")

    def _turn_to(self, pointer: FramePointer) -> None:
        self._ahead, self._place = None, pointer
        with translated(self._connection.url, self._causes, pointer.topic):
            self._consumer.assign([to_client(pointer.topic_partition, pointer.offset)])

    def _next_message(self) -> Message | None:
        message, self._ahead = self._ahead, None
        if message is not None:
            return message
        with translated(self._connection.url, self._causes):
            return self._consumer.poll(SLICE_S)

    def _passes(self, message: Message, wanted: FramePointer) -> bool:
        """Note what has come; return whether `wanted` cannot come any more, or has come just now."""
        at, error = pointer_of(message), message.error()
        if error is not None:
            return self._passes_error(error, at, wanted)
        if at.topic_partition != wanted.topic_partition:
            return False
        if at.offset > wanted.offset:
            self._ahead, self._place = message, at
            return True
        self._place = FramePointer(topic=at.topic, partition=at.partition, offset=at.offset + 1)
        return at.offset == wanted.offset

    def _passes_error(self, error: KafkaError, at: FramePointer, wanted: FramePointer) -> bool:
        """Judge an error. The end of the partition may have been told before the record was there."""
        if error.code() == KafkaError._PARTITION_EOF:
            return at.topic_partition == wanted.topic_partition and at.offset > wanted.offset
        if error.code() in MISSING and self._connection.may_vanish(wanted.topic):
            return True
        if error.code() in _OUT_OF_RANGE:
            if not self._is_there(wanted.topic_partition, wanted.offset):
                self._place = None
                return True
            self._turn_to(wanted)
        elif not of_no_group(error):
            raise explain(error, self._connection.url, wanted.topic)
        return False

    def _is_there(self, partition: Partition, offset: int) -> bool:
        """Return whether the offset lies between the oldest record and the end."""
        found = range_of(self._connection, partition)
        return found is not None and found[0] <= offset < found[1]

    def close(self) -> None:
        self._consumer.close()


class FrameClients:
    """Reads frames with clients that it keeps, one per concurrent reader. Thread-safe."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._idle: list[FrameClient] = []  # the one used last is the last
        self._partitions: frozenset[Partition] = frozenset()
        self._closed = False

    def read(self, pointer: FramePointer) -> Message | None:
        """Return the record at `pointer`; None when retention has removed it or it never was. Raises LogError, ClosedError."""
        if not 0 <= pointer.offset < END_OF_OFFSETS or not self._knows(pointer.topic_partition):
            return None
        client = self._taken(pointer) or FrameClient(self._connection)
        try:
            found = client.read(pointer, lambda: self._closed)
        except BaseException:
            client.close()
            raise
        self._give_back(client)
        return found

    def _knows(self, partition: Partition) -> bool:
        """Return whether the partition holds frames. What a pointer names may be anything."""
        if partition not in self._partitions:
            self._partitions = frozenset(self._connection.frame_partitions())
        return partition in self._partitions

    def _taken(self, pointer: FramePointer) -> FrameClient | None:
        """Take the client that is nearest; None when a new one is to be made."""
        with self._lock:
            near = [client for client in self._idle if client.comes_to(pointer)]
            if not near and len(self._idle) < KEPT:
                return None
            client = near[-1] if near else self._idle[0]
            self._idle.remove(client)
            return client

    def _give_back(self, client: FrameClient) -> None:
        with self._lock:
            self._idle.append(client)
            spare = self._idle if self._closed else self._idle[:-KEPT]
            self._idle = [kept for kept in self._idle if kept not in spare]
        for each in spare:
            each.close()

    def close(self) -> None:
        """Close the clients; one that is in use is closed by its user, soon. Closing twice is harmless."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()
