"""Reads single frames of a log in Kafka. Clients are kept from one frame to the next, since a new one costs several requests."""

from __future__ import annotations

import threading

from confluent_kafka import Message

from framehop.errors import ClosedError
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.frame_client import FrameClient
from framehop.types import FramePointer, Partition

KEPT = 4  # as many threads as mostly read at a time
END_OF_OFFSETS = 1 << 63


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
        """Take the client that is nearest, else the one used last; None when all are in use."""
        with self._lock:
            if self._closed:
                raise ClosedError(f"the log {self._connection.url} is closed")
            near = [client for client in self._idle if client.comes_to(pointer)]
            client = next(reversed(near or self._idle), None)
            if client is not None:
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
