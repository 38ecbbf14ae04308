"""Read the events of one partition's frames, without a group."""

from __future__ import annotations

import time
from collections.abc import Iterator

from framehop.errors import LogUnavailableError
from framehop.log.kafka.connection import RETRY_S, Connection
from framehop.log.kafka.errors import missing
from framehop.log.kafka.offset_queries import begins, ends, written_ends
from framehop.log.kafka.partition_scan import PartitionScan
from framehop.log.kafka.wire import NotOursError, parse_outcome
from framehop.timing import Deadline
from framehop.types import EventRecord, Partition

OPEN_S = (
    1.0  # a dead worker's transaction may be open for ten: who asks must be able to stop, and to say what it waits for
)


def events_of(connection: Connection, frames: Partition, since: int) -> Iterator[EventRecord]:
    """Iterate over the events of the frames of a partition, as EventLog says. Raises LogUnavailableError when a transaction hides
    for OPEN_S what is there already."""
    partition = events_partition(connection, frames)
    _await_visible(connection, partition)
    oldest = begins(connection, [partition]).get(partition, since)
    with PartitionScan(connection, {partition: max(since, oldest)}) as scan:
        for message in scan:
            try:
                found = parse_outcome(message)
            except NotOursError:
                continue
            if isinstance(found, EventRecord) and found.event.frame.topic_partition == frames:
                yield found


def events_end(connection: Connection, frames: Partition) -> int:
    """Return the next offset of the partition that the events of a partition's frames go to. Raises LogNotFoundError."""
    return _written_end(connection, events_partition(connection, frames))


def events_partition(connection: Connection, frames: Partition) -> Partition:
    """Return where the events of a partition's frames lie; see Outputs."""
    topic = connection.url.detections
    return Partition(topic, frames.number % connection.partition_count(topic))


def _written_end(connection: Connection, partition: Partition) -> int:
    found = written_ends(connection, [partition])
    if partition not in found:
        raise missing(partition.topic, connection.url)
    return found[partition]


def _await_visible(connection: Connection, partition: Partition) -> None:
    """Wait until no open transaction hides a record that is there now: also one of another lane hides those behind it."""
    end, deadline = _written_end(connection, partition), Deadline.after(OPEN_S)
    while ends(connection, [partition]).get(partition, end) < end:
        if deadline.expired:
            raise LogUnavailableError(f"{connection.url}: an open transaction hides the last events of {partition}")
        time.sleep(RETRY_S)
