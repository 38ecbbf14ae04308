"""The position of a group of readers: offsets of a Kafka group that nobody joins."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Mapping
from queue import SimpleQueue

from confluent_kafka import Consumer, KafkaError, KafkaException

from framehop.errors import LogError
from framehop.log.kafka.connection import SLICE_S, Connection
from framehop.log.kafka.errors import explain
from framehop.log.kafka.groups import GroupOffsets
from framehop.log.kafka.offset_queries import to_client
from framehop.timing import Deadline
from framehop.types import Partition

logger = logging.getLogger(__name__)

CLOSE_S = 5.0


class GroupPosition:
    """Stores the position without waiting for the commits, except for the last one: a position that is too low only makes events
    come again.

    Without joining there is no rebalance, no heartbeat, and no member that the broker could expel while its owner is busy. But
    readers do not share: two readers of one group both get everything. Use from the reader's thread.

    `answers.put` is the client's on_commit, which must be written in C (see Causes); it keeps the error, or None.
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
        """Take the position at which a group begins, which need not be stored."""
        self.stored |= position
        self._asked |= position

    def _take_answers(self) -> None:
        if self._unanswered is None or self.answers.empty():
            return
        self._failure, moved, self._unanswered = self.answers.get_nowait(), self._unanswered, None
        if self._failure is None:
            self.stored |= moved

    def store(self, consumer: Consumer, position: Mapping[Partition, int]) -> None:
        """Store the position. Raises LogError when the group has members, LogAccessError."""
        self._take_answers()
        if self._failure is not None:
            if not self._failure.retriable():
                raise self._explained(self._failure)
            self._asked, self._failure = dict(self.stored), None
        moved = {partition: offset for partition, offset in position.items() if self._asked.get(partition) != offset}
        # At most one commit is under way: the client repeats one that met a moving coordinator, even after the next one has
        # arrived.
        if not moved or self._unanswered is not None:
            return
        offsets = [to_client(partition, offset) for partition, offset in moved.items()]
        try:
            consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as raised:
            raise self._explained(raised.args[0]) from raised
        self._asked |= moved
        self._unanswered = moved

    def store_last(self, consumer: Consumer, position: Mapping[Partition, int]) -> None:
        """Store the position and wait for the broker, within a bound. Logs a failure; the events then come again."""
        deadline = Deadline.after(CLOSE_S)
        why = "the broker does not answer"
        try:
            while not self._is_stored(position) and not deadline.expired:
                self.store(consumer, position)
                consumer.poll(min(SLICE_S, deadline.remaining_s))  # only for the callback; nothing is handed out
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
