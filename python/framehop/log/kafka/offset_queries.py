"""Ask brokers about partitions: their ends, their offsets at a time, the largest record that they take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import OFFSET_INVALID, IsolationLevel, TopicPartition
from confluent_kafka.admin import ConfigResource, OffsetSpec, ResourceType  # type: ignore[attr-defined]  # they are public

from framehop.errors import LogAccessError, LogNotFoundError, LogUnavailableError
from framehop.log.kafka.connection import REQUEST_S, Connection, patiently
from framehop.log.kafka.errors import missing, translated
from framehop.types import Partition

OVERHEAD_BYTES = 1024  # overhead of a batch of one record; rounded up
DEFAULT_LARGEST = 1_000_000


def offsets(connection: Connection, places: Iterable[Partition], spec: OffsetSpec) -> dict[Partition, int]:
    """Return an offset by partition, in one request. Records of open transactions do not count yet. A partition is absent if its
    topic has vanished and was allowed to."""
    wanted = {topic_partition(place): spec for place in places}
    if not wanted:
        return {}

    def ask() -> dict[Partition, int]:
        futures = connection.admin.list_offsets(
            wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=REQUEST_S
        )
        found = {place: _offset(connection, place, future) for place, future in _by_place(futures).items()}
        return {place: offset for place, offset in found.items() if offset is not None}

    return patiently(connection, ask)


def _by_place(futures: Mapping[TopicPartition, Any]) -> dict[Partition, Any]:
    return {place_of(where): future for where, future in futures.items()}


def _offset(connection: Connection, place: Partition, future: Any) -> int | None:
    """Return the offset, or None for a topic that has vanished and was allowed to. Raises LogUnavailableError while brokers have
    not heard of the partition."""
    try:
        with translated(connection.url, connection.causes, place.topic):
            return int(future.result(REQUEST_S).offset)
    except LogNotFoundError as error:
        if connection.has(place):
            raise LogUnavailableError(f"{connection.url}: {place} is new, and not every broker knows it yet") from error
        if connection.may_vanish(place.topic):
            return None
        raise


def topic_partition(place: Partition, offset: int = OFFSET_INVALID) -> TopicPartition:
    """Convert a Partition to the client's form."""
    return TopicPartition(place.topic, place.number, offset)


def place_of(where: TopicPartition) -> Partition:
    return Partition(where.topic, where.partition)


def begins(connection: Connection, places: Iterable[Partition]) -> dict[Partition, int]:
    """Return the oldest offset kept, by partition."""
    return offsets(connection, places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]


def ends(connection: Connection, places: Iterable[Partition]) -> dict[Partition, int]:
    """Return the next offset, by partition."""
    return offsets(connection, places, OffsetSpec.latest())  # type: ignore[no-untyped-call]


def range_of(connection: Connection, partition: Partition) -> tuple[int, int] | None:
    """Return the oldest offset kept and the next one; None when the topic has vanished."""
    begin = begins(connection, [partition]).get(partition)
    end = ends(connection, [partition]).get(partition)
    return None if begin is None or end is None else (begin, end)


def offsets_at(connection: Connection, places: Iterable[Partition], appended_us: int) -> dict[Partition, int]:
    """Return the first offset appended at that time or later, by partition; the end where there is none."""
    places = list(places)
    found = offsets(connection, places, OffsetSpec.for_timestamp(max(0, appended_us // 1000)))
    return ends(connection, places) | {place: offset for place, offset in found.items() if offset >= 0}


def log_end(connection: Connection, place: Partition) -> int:
    """Return the next offset of a partition. Raises LogNotFoundError."""
    found = ends(connection, [place])
    if place not in found:
        raise missing(place.topic, connection.url)
    return found[place]


def largest_record(connection: Connection, topic: str) -> int:
    """Return how many bytes of key, value and headers the topic takes; a cautious guess without the right to look."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    try:
        with translated(connection.url, connection.causes, topic):
            found = connection.admin.describe_configs([resource], request_timeout=REQUEST_S)[resource].result(REQUEST_S)
    except LogAccessError:
        return int(connection.options.client.get("message.max.bytes", DEFAULT_LARGEST))
    return max(OVERHEAD_BYTES, int(found["max.message.bytes"].value) - OVERHEAD_BYTES)
