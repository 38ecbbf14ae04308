"""A group's offsets, asked for without being a member."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import TopicPartition

from framehop.log.kafka.client import REQUEST_S, Causes, Connection, explain, patiently
from framehop.log.kafka.scan import plain_consumer


def group_offsets(connection: Connection, group: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """The committed offset by partition; those without one are absent. Waits for transactions that are about to move them.

    Not by the admin client: its list_consumer_group_offsets ends the process with a segmentation fault when the group's coordinator
    is being elected or moves (librdkafka 2.16, https://github.com/confluentinc/librdkafka/issues/5040), as it is with the first
    groups of a new broker.
    """
    places = [TopicPartition(topic, partition) for partition in partitions]
    causes = Causes()
    consumer = plain_consumer(connection, "offsets", causes, **{"group.id": group})
    try:
        found: list[TopicPartition] = patiently(
            connection, lambda: consumer.committed(places, timeout=REQUEST_S), topic=topic
        )
    finally:
        consumer.close()
    for place in found:
        if place.error is not None:
            raise explain(place.error, connection.url, topic)
    return {place.partition: place.offset for place in found if place.offset >= 0}
