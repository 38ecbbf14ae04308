"""Measure how far a group is behind, in messages and in time."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError

from framehop.log.kafka.connection import REQUEST_S, Connection
from framehop.log.kafka.errors import MISSING, Causes, explain, translated
from framehop.log.kafka.offset_queries import begins, to_client
from framehop.log.kafka.partition_scan import of_no_group, plain_consumer
from framehop.log.kafka.wire import appended_at, pointer_of
from framehop.timing import Deadline, now_us
from framehop.types import Partition, PartitionLag

LAG_POLL_S = 0.1


def lags(
    connection: Connection,
    committed: Mapping[Partition, int],
    end: Mapping[Partition, int],
    owners: Mapping[Partition, str],
) -> list[PartitionLag]:
    """Return the lag of each partition that still exists, in order. Reads one frame of each that is behind, for its time."""
    oldest = begins(connection, end)
    end = {partition: offset for partition, offset in end.items() if partition in oldest}
    first = {partition: max(oldest[partition], committed.get(partition, 0)) for partition in end}
    behind = {partition: offset for partition, offset in first.items() if offset < end[partition]}
    times, now = oldest_times(connection, behind), now_us()
    return [
        PartitionLag(
            topic=partition.topic,
            partition=partition.number,
            end=end[partition],
            committed=committed.get(partition),
            messages=max(0, end[partition] - first[partition]),
            seconds=max(0, now - times[partition]) / 1e6 if partition in times else None,
            owner=owners.get(partition, ""),
        )
        for partition in sorted(end)
    ]


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
