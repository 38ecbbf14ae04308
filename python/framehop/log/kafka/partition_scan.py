"""Read partitions without a group: the ends of a topic, what a crashed writer left, every frame of the log."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from confluent_kafka import OFFSET_INVALID, Consumer, IsolationLevel, KafkaError, Message, TopicPartition
from confluent_kafka.admin import ConfigResource, OffsetSpec, ResourceType  # type: ignore[attr-defined]  # they are public

from framehop.errors import LogAccessError, LogNotFoundError, LogUnavailableError
from framehop.log.kafka.connection import REQUEST_S, Connection, patiently, settings
from framehop.log.kafka.errors import MISSING, Causes, explain, missing, translated
from framehop.log.kafka.wire import NotOursError, origin_of, parse_frame
from framehop.timing import Deadline
from framehop.types import Partition

POLL_S = 0.5
SILENCE_S = 30.0  # a broker that gives nothing for so long, although there is more, is unreachable
OVERHEAD_BYTES = 1024  # overhead of a batch of one record; rounded up
DEFAULT_LARGEST = 1_000_000


def plain_consumer(connection: Connection, role: str, causes: Causes, **more: Any) -> Consumer:
    """Return a consumer for assigned partitions. It belongs to no group; the client demands a group's name, which is never used. It
    may be polled in the main thread, so its callbacks must be written in C; see Causes."""
    config = {
        "fetch.wait.max.ms": 50,
        "fetch.queue.backoff.ms": 10,
        "queued.max.messages.kbytes": connection.options.prefetch_bytes >> 10,
        **without_group(settings(connection.url, connection.options, role, causes)),
        "group.id": f"{connection.url.prefix}.reader-{uuid.uuid4()}",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "error_cb": causes.inbox.append,
        **more,
    }
    with translated(connection.url, causes):
        return Consumer(config)


def without_group(config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the settings that only members of a group may have."""
    names = ("group.", "session.", "heartbeat.", "partition.assignment.", "max.poll.")
    return {name: value for name, value in config.items() if not name.startswith(names)}


def of_no_group(error: KafkaError) -> bool:
    """Return whether the error concerns the group that a plain consumer does not use. The client looks for the group's coordinator
    anyway, and a user who only reads has no right to any group."""
    return error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED


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


class PartitionScan:
    """Iterates over the records of some partitions, one partition after the other, from given offsets to the present ends."""

    def __init__(self, connection: Connection, starts: Mapping[Partition, int]) -> None:
        self._connection = connection
        self._causes = Causes()
        self._starts = dict(starts)
        self._ends = ends(connection, starts)
        self._consumer = plain_consumer(connection, "scan", self._causes)

    def __iter__(self) -> Iterator[Message]:
        for partition in sorted(self._starts):
            if self._starts[partition] < self._ends.get(partition, 0):
                yield from self._partition(partition)

    def _partition(self, partition: Partition) -> Iterator[Message]:
        end, deadline = self._ends[partition], Deadline.after(SILENCE_S)
        with translated(self._connection.url, self._causes, partition.topic):
            self._consumer.assign([topic_partition(partition, self._starts[partition])])
        while True:
            message = self._consumer.poll(POLL_S)
            if message is None:
                if deadline.expired:
                    cause = self._causes.refused or self._causes.since(0.0) or KafkaError(KafkaError._TIMED_OUT)
                    raise explain(cause, self._connection.url, partition.topic)
                continue
            deadline = Deadline.after(SILENCE_S)
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                return
            if error is not None and error.code() in MISSING and self._connection.may_vanish(partition.topic):
                return
            if error is not None and not of_no_group(error):
                raise explain(error, self._connection.url, partition.topic)
            if error is not None:
                continue
            if (message.offset() or 0) >= end:
                return
            yield message
            if (message.offset() or 0) + 1 >= end:
                return

    def close(self) -> None:
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def find_last_seq(
    connection: Connection, stream: str, *, epoch: int, partition: Partition, seq: int, offset: int
) -> tuple[int, int, list[tuple[int, str]]]:
    """Return the last frame of (stream, epoch) after `offset` and where it lies, or the given values when there is none; and the
    origins of the frames after `seq`."""
    origins: list[tuple[int, str]] = []
    start = max(offset + 1, begins(connection, [partition]).get(partition, 0))
    with PartitionScan(connection, {partition: start}) as scan:
        for message in scan:
            try:
                meta = parse_frame(message)
            except NotOursError:
                continue
            if (meta.key.stream, meta.key.epoch) == (stream, epoch) and meta.key.seq > seq:
                seq, offset = meta.key.seq, meta.pointer.offset
                if origin := origin_of(message):
                    origins.append((seq, origin))
    return seq, offset, origins
