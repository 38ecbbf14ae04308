"""Find where a member begins to read a partition that it was given."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from confluent_kafka import Consumer

from framehop.errors import LogUnavailableError
from framehop.log.kafka.connection import REQUEST_S, Connection
from framehop.log.kafka.errors import MISSING, explain, translated
from framehop.log.kafka.lost_offsets import find_done
from framehop.log.kafka.offset_queries import begins, ends, from_client, to_client
from framehop.protocols import Start
from framehop.types import Partition

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOffset:
    """The start in one partition. `oldest`: the first offset that the log still has. `committed`: the broker's offset of the group,
    with its `metadata`; the broker must be told when it is below `offset`. `gap_from`: frames from there to `offset` were removed
    before the group read them."""

    partition: Partition
    offset: int
    oldest: int
    committed: int
    metadata: str = ""
    gap_from: int | None = None


def resolve_starts(
    connection: Connection,
    consumer: Consumer,
    partitions: Sequence[Partition],
    *,
    group: str,
    start: Start,
    known: Collection[Partition],
) -> list[StartOffset]:
    """Decide the starts instead of the client's `auto.offset.reset`, which would begin a partition added later at its end and
    silently skip what retention removed. `group`: the broker's name for it. `known`: the partitions that existed when the member
    came; `latest` applies only to these."""
    committed = _committed(connection, consumer, partitions)
    oldest, newest = begins(connection, partitions), ends(connection, partitions)
    new = [partition for partition in partitions if partition not in committed]
    done = find_done(connection, group, [partition for partition in new if newest.get(partition)]) if new else {}
    been_here = bool(done) or start != "latest" or _known(connection, consumer)
    fresh = oldest if been_here else newest
    return [
        # A topic that has vanished again is read from its likely offset, which gives nothing, until the group hears of it.
        _go_on(partition, *committed[partition], oldest.get(partition, 0), newest.get(partition))
        if partition in committed
        else _tell(_go_on(partition, done[partition], "", oldest.get(partition, 0), newest.get(partition)))
        if partition in done
        else _begin(partition, (fresh if partition in known else oldest).get(partition, 0), oldest.get(partition, 0))
        for partition in partitions
    ]


def _tell(start: StartOffset) -> StartOffset:
    """Mark the start to be committed, because the broker has no offset, even if reading begins here."""
    return replace(start, committed=-1)


def _begin(partition: Partition, offset: int, oldest: int) -> StartOffset:
    """Begin at `offset`, committed at once so that `latest` means the same moment after a crash."""
    return StartOffset(partition=partition, offset=offset, oldest=oldest, committed=-1)


def _go_on(partition: Partition, committed: int, metadata: str, oldest: int, end: int | None) -> StartOffset:
    if committed < oldest:
        return StartOffset(
            partition=partition,
            offset=oldest,
            oldest=oldest,
            committed=committed,
            metadata=metadata,
            gap_from=committed,
        )
    if end is not None and committed > end:
        logger.warning("%s; it is read from its beginning", behind_its_end(partition, committed, end))
        return _begin(partition, oldest, oldest)
    return StartOffset(partition=partition, offset=committed, oldest=oldest, committed=committed, metadata=metadata)


def behind_its_end(partition: Partition, at: int, end: int) -> str:
    """Explain why a group may stand at `at`, past the partition's end."""
    return f"{partition} ends at offset {end}, and was read up to {at}: its topic was made anew, or a broker has lost what it had"


def _committed(
    connection: Connection, consumer: Consumer, partitions: Sequence[Partition]
) -> dict[Partition, tuple[int, str]]:
    """Return offset and metadata of each partition that has them."""
    wanted = [to_client(partition) for partition in partitions]
    with translated(connection.url, connection.causes):
        found = consumer.committed(wanted, timeout=REQUEST_S)
    for answer in found:
        if answer.error is not None and answer.error.code() not in MISSING:
            raise LogUnavailableError(str(explain(answer.error, connection.url, answer.topic)))
    return {from_client(answer): (answer.offset, answer.metadata or "") for answer in found if answer.offset >= 0}


def _known(connection: Connection, consumer: Consumer) -> bool:
    """Return whether the group has committed before. Partitions without an offset were then added since, and are read from their
    beginning."""
    return bool(_committed(connection, consumer, connection.frame_partitions()))
