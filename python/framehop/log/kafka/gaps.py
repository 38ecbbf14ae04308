"""Find the gaps of a log: what retention took, and what workers and ingest have written of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from framehop.log.kafka.connection import Connection
from framehop.log.kafka.offset_queries import begins
from framehop.log.kafka.partition_scan import PartitionScan
from framehop.log.kafka.wire import NotOursError, parse_outcome
from framehop.types import Gap


def gaps_of(connection: Connection) -> list[Gap]:
    """Return the gaps that were written, and what retention has removed from each partition since it was made."""
    oldest = begins(connection, connection.frame_partitions())
    removed = [
        Gap(
            reason="retention",
            topic=partition.topic,
            partition=partition.number,
            first_offset=0,
            last_offset=offset - 1,
        )
        for partition, offset in oldest.items()
        if offset > 0
    ]
    return [*removed, *_written(connection)]


def _written(connection: Connection) -> Iterator[Gap]:
    url = connection.url
    with PartitionScan(connection, begins(connection, connection.partitions_of(url.detections))) as scan:
        for message in scan:
            try:
                outcome = parse_outcome(message)
            except NotOursError:
                continue
            if isinstance(outcome, Gap):  # gaps written before there were several topics name none
                yield outcome if outcome.topic else replace(outcome, topic=url.frames)
