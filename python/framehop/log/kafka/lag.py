"""Find how old the first record at an offset is."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError

from framehop.log.kafka.connection import REQUEST_S, Connection
from framehop.log.kafka.errors import MISSING, Causes, explain, translated
from framehop.log.kafka.offset_queries import to_client
from framehop.log.kafka.partition_scan import of_no_group, plain_consumer
from framehop.log.kafka.wire import appended_at, pointer_of
from framehop.timing import Deadline
from framehop.types import Partition

LAG_POLL_S = 0.1


def oldest_times(connection: Connection, partitions: Mapping[Partition, int]) -> dict[Partition, int]:
    """Return by partition when the first record at or after the given offset was appended, microseconds since 1970; partitions that
    by now have none are absent. Kafka gives a record's time only with the record, so one is fetched from each partition."""
    if not partitions:
        return {}
    causes = Causes()
    small = {"fetch.message.max.bytes": 1024, "queued.min.messages": 1, "auto.offset.reset": "earliest"}
    consumer = plain_consumer(connection, "lag", causes, **small)
    try:
        with translated(connection.url, causes):
            consumer.assign([to_client(partition, offset) for partition, offset in partitions.items()])
            return _first_times(connection, consumer, set(partitions), causes)
    finally:
        consumer.close()


def _first_times(
    connection: Connection, consumer: Consumer, waiting: set[Partition], causes: Causes
) -> dict[Partition, int]:
    times: dict[Partition, int] = {}
    deadline = Deadline.after(REQUEST_S)
    while waiting:
        message = consumer.poll(min(LAG_POLL_S, deadline.remaining_s))
        if message is None:
            if deadline.expired:
                cause = causes.refused or causes.since(0.0) or KafkaError(KafkaError._TIMED_OUT)
                raise explain(cause, connection.url)
            continue
        partition, error = pointer_of(message).topic_partition, message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            if error.code() in MISSING and connection.may_vanish(partition.topic):
                waiting.discard(partition)
            elif not error.retriable() and not of_no_group(error):
                raise explain(error, connection.url, partition.topic)
            continue
        if partition not in waiting:
            continue
        waiting.discard(partition)
        consumer.incremental_unassign([to_client(partition)])
        if error is None:
            times[partition] = appended_at(message)
    return times
