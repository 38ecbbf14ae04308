"""How far a group of readers has come: offsets of a Kafka group that nobody joins."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Mapping
from queue import SimpleQueue

from confluent_kafka import Consumer, KafkaError, KafkaException

from framehop.errors import LogError
from framehop.log.kafka.connection import Connection, explain
from framehop.log.kafka.groups import GroupOffsets
from framehop.log.kafka.partition_scan import topic_partition
from framehop.timing import Deadline
from framehop.types import Partition

logger = logging.getLogger(__name__)

CLOSE_S = 5.0
SLICE_S = 0.1  # Ctrl-C is heard between two


class GroupPosition:
    """Commits are sent and not waited for, but for the last one: a position that is behind makes events come again, and no more.

    Without joining there is no rebalance, no heartbeat, and no member for the broker to expel while its owner thinks. In turn
    nobody shares: two readers of one group both get everything. Use from the reader's thread.

    `answers.put` is the client's on_commit: in C, as Causes says why; it keeps the error, or None.
    """

    def __init__(self, connection: Connection, group: str, partitions: Iterable[Partition]) -> None:
        self._connection, self._group = connection, group
        self.answers: SimpleQueue[KafkaError | None] = SimpleQueue()
        with contextlib.closing(GroupOffsets(connection, group)) as offsets:
            self.stored = offsets.committed(partitions)
        self._asked = dict(self.stored)
        self._unanswered: dict[Partition, int] | None = None
        self._failure: KafkaError | None = None

    def assume(self, position: Mapping[Partition, int]) -> None:
        """Where a group begins by itself: nothing to store."""
        self.stored |= position
        self._asked |= position

    def _take_answers(self) -> None:
        if self._unanswered is None or self.answers.empty():
            return
        self._failure, moved, self._unanswered = self.answers.get_nowait(), self._unanswered, None
        if self._failure is None:
            self.stored |= moved

    def store(self, consumer: Consumer, position: Mapping[Partition, int]) -> None:
        """Raises LogError when the group has members, LogAccessError."""
        self._take_answers()
        if self._failure is not None:
            if not self._failure.retriable():
                raise self._explained(self._failure)
            self._asked, self._failure = dict(self.stored), None
        moved = {partition: offset for partition, offset in position.items() if self._asked.get(partition) != offset}
        # One at a time: the client sends one again that met a coordinator on the move, after the next one has arrived.
        if not moved or self._unanswered is not None:
            return
        places = [topic_partition(partition, offset) for partition, offset in moved.items()]
        try:
            consumer.commit(offsets=places, asynchronous=True)
        except KafkaException as raised:
            raise self._explained(raised.args[0]) from raised
        self._asked |= moved
        self._unanswered = moved

    def store_last(self, consumer: Consumer, position: Mapping[Partition, int]) -> None:
        """Waits for the broker, within a bound; what it does not take by then is said, and comes again."""
        deadline = Deadline.after(CLOSE_S)
        why = "the broker does not answer"
        try:
            while not self._is_stored(position) and not deadline.expired:
                self.store(consumer, position)
                consumer.poll(min(SLICE_S, deadline.remaining_s))  # for the callback: what it fetches is not handed out
                self._take_answers()
        except LogError as error:
            why = str(error)
        if not self._is_stored(position):
            logger.warning(
                "the position of group %s is not stored, its last events will come again: %s", self._group, why
            )

    def _is_stored(self, position: Mapping[Partition, int]) -> bool:
        return all(self.stored.get(partition) == offset for partition, offset in position.items())

    def _explained(self, error: KafkaError) -> Exception:
        if error.code() in {KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION}:
            return LogError(
                f"{self._connection.url}: group {self._group} has members, and this reader is none: name it otherwise"
            )
        return explain(error, self._connection.url, self._connection.url.detections)
