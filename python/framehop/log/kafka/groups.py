"""How far a group has read, asked by one who is no member of it."""

from __future__ import annotations

from confluent_kafka import Consumer, KafkaError, TopicPartition

from framehop.errors import LogUnavailableError
from framehop.log.kafka.client import REQUEST_S, Causes, Connection, explain, settings, translated
from framehop.log.kafka.scan import without_group
from framehop.timing import Deadline

LOOK_S = 1.0


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
        topic = self._topic
        places = [TopicPartition(topic, p) for p in range(self._connection.partitions_of(topic))]
        deadline = Deadline.after(REQUEST_S)
        while True:
            try:
                with translated(self._connection.url, self._causes):
                    return self._found(self._consumer.committed(places, timeout=LOOK_S))
            except LogUnavailableError:
                self._raise_cause()
                if deadline.expired:
                    raise

    def _found(self, places: list[TopicPartition]) -> dict[int, int]:
        for place in places:
            if place.error is not None:
                raise explain(place.error, self._connection.url, self._topic)
        return {place.partition: place.offset for place in places if place.offset >= 0}

    def _raise_cause(self) -> None:
        """That the group is not ours to look at comes as a message; the call only times out."""
        message = self._consumer.poll(0)
        error = message.error() if message is not None else None
        if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            raise explain(error, self._connection.url)

    def close(self) -> None:
        self._consumer.close()
