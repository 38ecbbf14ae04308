"""How old the first record at an offset is."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, TopicPartition

from framehop.log.kafka.client import REQUEST_S, Causes, Connection, explain, translated
from framehop.log.kafka.scan import of_no_group, plain_consumer
from framehop.log.kafka.wire import appended_at
from framehop.timing import Deadline

POLL_S = 0.1


def oldest_times(connection: Connection, topic: str, places: Mapping[int, int]) -> dict[int, int]:
    """By partition: when the first record at or after the given offset was appended, microseconds since 1970; partitions where
    there is none by now are absent. Kafka tells no record's time without the record: one is fetched of each partition."""
    if not places:
        return {}
    causes = Causes()
    small = {"fetch.message.max.bytes": 1024, "queued.min.messages": 1, "auto.offset.reset": "earliest"}
    consumer = plain_consumer(connection, "lag", causes, **small)
    try:
        with translated(connection.url, causes, topic):
            consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in places.items()])
            return _first_times(connection, consumer, topic, set(places), causes)
    finally:
        consumer.close()


def _first_times(
    connection: Connection, consumer: Consumer, topic: str, waiting: set[int], causes: Causes
) -> dict[int, int]:
    times: dict[int, int] = {}
    deadline = Deadline.after(REQUEST_S)
    while waiting:
        message = consumer.poll(min(POLL_S, deadline.remaining_s))
        if message is None:
            if deadline.expired:
                cause = causes.refused or causes.since(0.0) or KafkaError(KafkaError._TIMED_OUT)
                raise explain(cause, connection.url, topic)
            continue
        partition, error = message.partition() or 0, message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            if not error.retriable() and not of_no_group(error):
                raise explain(error, connection.url, topic)
            continue
        if partition not in waiting:
            continue
        waiting.discard(partition)
        consumer.incremental_unassign([TopicPartition(topic, partition)])
        if error is None:
            times[partition] = appended_at(message)
    return times
