"""How far a group has read, asked by one who is no member of it."""

from __future__ import annotations

from confluent_kafka import Consumer, TopicPartition

from framehop.log.kafka.client import REQUEST_S, Causes, Connection, explain, settings, translated
from framehop.log.kafka.scan import without_group


class GroupOffsets:
    """Committed offsets of one group. Thread-safe.

    A consumer that never joins, because the admin client's `list_consumer_group_offsets` ends the whole process by SIGSEGV when
    the coordinator is new or moves: https://github.com/confluentinc/librdkafka/issues/5040.
    """

    def __init__(self, connection: Connection, group: str) -> None:
        self._connection, self._topic = connection, connection.url.frames
        self._causes = Causes()
        config = without_group(settings(connection.url, connection.options, "offsets", self._causes))
        with translated(connection.url, self._causes):
            self._consumer = Consumer(
                config | {"group.id": group, "enable.auto.commit": False, "isolation.level": "read_committed"}
            )

    def committed(self) -> dict[int, int]:
        """By partition, where there is one."""
        partitions = range(self._connection.partitions_of(self._topic))
        with translated(self._connection.url, self._causes):
            places = self._consumer.committed([TopicPartition(self._topic, p) for p in partitions], timeout=REQUEST_S)
        for place in places:
            if place.error is not None:
                raise explain(place.error, self._connection.url, self._topic)
        return {place.partition: place.offset for place in places if place.offset >= 0}

    def close(self) -> None:
        self._consumer.close()
