"""Where a member begins to read a partition that it was given."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer

from framehop.errors import LogUnavailableError
from framehop.log.kafka.client import MISSING, REQUEST_S, Connection, explain, translated
from framehop.log.kafka.scan import begins, ends, offsets_at, place_of, topic_partition
from framehop.protocols import Start
from framehop.types import Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOffset:
    """`committed`: what the broker knows of the group; below `offset` it has to be told. `gap_from`: frames from there to `offset`
    were removed before the group read them."""

    partition: Partition
    offset: int
    committed: int
    gap_from: int | None = None


def resolve_starts(
    connection: Connection,
    consumer: Consumer,
    partitions: Sequence[Partition],
    start: Start,
    known: Collection[Partition],
) -> list[StartOffset]:
    """The client's own `auto.offset.reset` would begin a partition that was added later at its end, and jump over what retention
    took without a word. `known`: what was there when the member came: `latest` is for these alone."""
    committed = _committed(connection, consumer, partitions)
    oldest = begins(connection, partitions)
    fresh = [partition for partition in partitions if partition not in committed and partition in known]
    at_end = ends(connection, fresh) if start == "latest" and not _known(connection, consumer) else {}
    return [
        # A topic that has vanished again is read from where it might be, which gives nothing, until the group hears of it.
        _start(partition, committed.get(partition), oldest.get(partition, 0), at_end.get(partition))
        for partition in partitions
    ]


def _start(partition: Partition, committed: int | None, oldest: int, end: int | None) -> StartOffset:
    if committed is None:
        # Committed at once, so that `latest` means the same moment after a crash.
        return StartOffset(partition=partition, offset=oldest if end is None else end, committed=-1)
    if committed < oldest:
        return StartOffset(partition=partition, offset=oldest, committed=committed, gap_from=committed)
    return StartOffset(partition=partition, offset=committed, committed=committed)


def _committed(connection: Connection, consumer: Consumer, partitions: Sequence[Partition]) -> dict[Partition, int]:
    places = [topic_partition(partition) for partition in partitions]
    with translated(connection.url, connection.causes):
        found = consumer.committed(places, timeout=REQUEST_S)
    for place in found:
        if place.error is not None and place.error.code() not in MISSING:
            raise LogUnavailableError(str(explain(place.error, connection.url, place.topic)))
    return {place_of(place): place.offset for place in found if place.offset >= 0}


def _known(connection: Connection, consumer: Consumer) -> bool:
    """Whether the group has been here: partitions without an offset were added since, and begin at their beginning."""
    return bool(_committed(connection, consumer, connection.frame_places()))


def resume(connection: Connection, partition: Partition, at: int, last_us: int) -> StartOffset | None:
    """Where to go on when the broker does not take offset `at`, in front of which is a frame appended at `last_us` (0: not known).
    None when the topic has vanished.

    Behind `at` when retention has overtaken us. Before it when the partition lost its end (a replica that lagged behind became
    its leader) or is another one by the same name: then with the first that was appended later than what we have.
    """
    begin = begins(connection, [partition]).get(partition)
    end = ends(connection, [partition]).get(partition)
    if begin is None or end is None:
        return None
    if at < begin:
        return StartOffset(partition=partition, offset=begin, committed=at, gap_from=at)
    later = begin if at > end else at
    if last_us:
        later = min(at, offsets_at(connection, [partition], last_us + 1000).get(partition, end))
    return StartOffset(partition=partition, offset=later, committed=-1)
