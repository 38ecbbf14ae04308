"""Ask brokers about partitions: their ends, their offsets at a time, the largest record that they take."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import OFFSET_INVALID, IsolationLevel, TopicPartition
from confluent_kafka.admin import ConfigResource, OffsetSpec, ResourceType  # type: ignore[attr-defined]  # they are public

from framehop.errors import LogAccessError, LogNotFoundError, LogUnavailableError
from framehop.log.kafka.connection import REQUEST_S, Connection, patiently
from framehop.log.kafka.errors import missing, translated
from framehop.types import Partition

logger = logging.getLogger(__name__)

OVERHEAD_BYTES = 1024  # overhead of a batch of one record; rounded up
DEFAULT_LARGEST = 1_000_000


def offsets(
    connection: Connection,
    partitions: Iterable[Partition],
    spec: OffsetSpec,
    isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
) -> dict[Partition, int]:
    """Return an offset by partition, in one request. Records of open transactions do not count yet, unless `isolation` says so. A
    partition is absent if its topic has vanished and was allowed to."""
    wanted = {to_client(partition): spec for partition in partitions}
    if not wanted:
        return {}

    def ask() -> dict[Partition, int]:
        futures = connection.admin.list_offsets(wanted, isolation_level=isolation, request_timeout=REQUEST_S)
        found = {
            partition: _offset(connection, partition, future) for partition, future in _by_partition(futures).items()
        }
        return {partition: offset for partition, offset in found.items() if offset is not None}

    return patiently(connection, ask)


def _by_partition(futures: Mapping[TopicPartition, Any]) -> dict[Partition, Any]:
    return {from_client(found): future for found, future in futures.items()}


def _offset(connection: Connection, partition: Partition, future: Any) -> int | None:
    """Return the offset, or None for a topic that has vanished and was allowed to. Raises LogUnavailableError while brokers have
    not heard of the partition."""
    try:
        with translated(connection.url, connection.causes, partition.topic):
            return int(future.result(REQUEST_S).offset)
    except LogNotFoundError as error:
        if connection.has(partition):
            raise LogUnavailableError(
                f"{connection.url}: {partition} is new, and not every broker knows it yet"
            ) from error
        if connection.may_vanish(partition.topic):
            return None
        raise


def to_client(partition: Partition, offset: int = OFFSET_INVALID) -> TopicPartition:
    """Convert a Partition to the client's form."""
    return TopicPartition(partition.topic, partition.number, offset)


def from_client(found: TopicPartition) -> Partition:
    """Convert the client's form of a partition to ours."""
    return Partition(found.topic, found.partition)


def begins(connection: Connection, partitions: Iterable[Partition]) -> dict[Partition, int]:
    """Return the oldest offset kept, by partition."""
    return offsets(connection, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]


def ends(connection: Connection, partitions: Iterable[Partition]) -> dict[Partition, int]:
    """Return the next offset, by partition."""
    return offsets(connection, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]


def written_ends(connection: Connection, partitions: Iterable[Partition]) -> dict[Partition, int]:
    """Return the next offset, by partition, behind the records of open transactions too."""
    return offsets(connection, partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)  # type: ignore[no-untyped-call]


def range_of(connection: Connection, partition: Partition) -> tuple[int, int] | None:
    """Return the oldest offset kept and the next one; None when the topic has vanished."""
    begin = begins(connection, [partition]).get(partition)
    end = ends(connection, [partition]).get(partition)
    return None if begin is None or end is None else (begin, end)


def offsets_at(connection: Connection, partitions: Iterable[Partition], appended_us: int) -> dict[Partition, int]:
    """Return the first offset appended at that time or later, by partition; the end where there is none."""
    partitions = list(partitions)
    found = offsets(connection, partitions, OffsetSpec.for_timestamp(max(0, appended_us // 1000)))
    return ends(connection, partitions) | {partition: offset for partition, offset in found.items() if offset >= 0}


def log_end(connection: Connection, partition: Partition) -> int:
    """Return the next offset of a partition. Raises LogNotFoundError."""
    found = ends(connection, [partition])
    if partition not in found:
        raise missing(partition.topic, connection.url)
    return found[partition]


def largest_record(connection: Connection, topic: str) -> int:
    """Return how many bytes of key, value and headers the topic takes; a cautious guess where the broker does not say, for want of
    a right or because it hides the setting. Warns of a topic that loses records by compaction."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    try:
        with translated(connection.url, connection.causes, topic):
            found = connection.admin.describe_configs([resource], request_timeout=REQUEST_S)[resource].result(REQUEST_S)
    except (
        LogAccessError
    ):  # nothing is said: who may not write is told so anyway, and a frame that is too large names the limit
        return int(connection.options.client.get("message.max.bytes", DEFAULT_LARGEST))
    policy, largest = (found[name].value if name in found else None for name in ("cleanup.policy", "max.message.bytes"))
    if policy is not None and "compact" in policy:
        logger.warning(
            "topic %s is compacted: Kafka will remove from it all but the last record of each stream, and nothing tells of them: "
            "set its cleanup.policy to delete, and see framehop topics check",
            topic,
        )
    return _assumed(connection, topic) if largest is None else max(OVERHEAD_BYTES, int(largest) - OVERHEAD_BYTES)


def _assumed(connection: Connection, topic: str) -> int:
    told = connection.options.client.get("message.max.bytes")
    if told is not None:
        return int(told)
    logger.warning(
        "the broker does not say how large a record topic %s takes: %d bytes are assumed, unless log.kafka.client says "
        "message.max.bytes",
        topic,
        DEFAULT_LARGEST,
    )
    return DEFAULT_LARGEST
