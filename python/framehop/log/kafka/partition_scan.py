"""Read partitions without a group: what a crashed writer left, every frame of the log."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, Message

from framehop.log.kafka.connection import Connection, settings
from framehop.log.kafka.errors import MISSING, Causes, explain, translated
from framehop.log.kafka.offset_queries import begins, ends, offsets_at, to_client
from framehop.log.kafka.wire import NotOursError, appended_at, origin_of, parse_frame
from framehop.timing import Deadline
from framehop.types import FrameMeta, Partition

SCAN_POLL_S = 0.5
SCAN_SILENCE_S = 30.0  # a broker that gives nothing for so long, although there is more, is unreachable


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
        end, deadline = self._ends[partition], Deadline.after(SCAN_SILENCE_S)
        with translated(self._connection.url, self._causes, partition.topic):
            self._consumer.assign([to_client(partition, self._starts[partition])])
        while True:
            message = self._consumer.poll(SCAN_POLL_S)
            if message is None:
                if deadline.expired:
                    cause = self._causes.refused or self._causes.since(0.0) or KafkaError(KafkaError._TIMED_OUT)
                    raise explain(cause, self._connection.url, partition.topic)
                continue
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
            deadline = Deadline.after(SCAN_SILENCE_S)  # the caller's own time is no silence of the broker

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


def frames_before(connection: Connection, partition: Partition, offset: int, within_us: int) -> Iterator[FrameMeta]:
    """Iterate over the frames before `offset` that the broker took at most `within_us` before the last of them, oldest first."""
    oldest = begins(connection, [partition]).get(partition, offset)
    last_us = _taken_us(connection, partition, offset - 1) if oldest < offset else None
    if last_us is None:
        return
    start = offsets_at(connection, [partition], last_us - within_us).get(partition, oldest)
    with PartitionScan(connection, {partition: max(oldest, start)}) as scan:
        for message in scan:
            if (message.offset() or 0) >= offset:
                return
            try:
                yield parse_frame(message)
            except NotOursError:
                continue


def _taken_us(connection: Connection, partition: Partition, offset: int) -> int | None:
    """Return when the broker took the first record at or after `offset`, microseconds since 1970; None if there is none."""
    with PartitionScan(connection, {partition: offset}) as scan:
        return next((appended_at(message) for message in scan), None)
