"""Send a group's offsets to the broker when no transaction does."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from framehop import _core
from framehop.log.kafka.errors import explain
from framehop.log.kafka.member_progress import MemberProgress
from framehop.log.kafka.offset_queries import from_client
from framehop.log.kafka.url import KafkaUrl
from framehop.types import Partition

logger = logging.getLogger(__name__)

UNHEARD_S = 60.0  # the client reports on every commit; if a report is missing, offsets move again after so long


class OffsetCommits:
    """Sends offsets and notes in `progress` what the broker has. Not thread-safe: the consumer's thread calls it, and `close` when
    that has ended."""

    def __init__(self, url: KafkaUrl, progress: MemberProgress) -> None:
        self._url = url
        self._progress = progress
        self._reported = True  # nothing is on its way
        self._sent_s = 0.0

    def send(self, consumer: Consumer, due: Mapping[Partition, tuple[int, str]], *, wait: bool) -> bool:
        """Send what is due and return whether anything was sent: only one commit is under way at a time, unless `wait`. Raises
        FramehopError when later commits would be refused too."""
        unheard = not self._reported and time.monotonic() - self._sent_s < UNHEARD_S
        if not due or (unheard and not wait):
            return False
        _core.failpoint("offsets.stored")
        self._sent_s = time.monotonic()
        try:
            if wait:
                self._committed(consumer.commit(offsets=to_commit(due), asynchronous=False) or [])
            else:
                consumer.commit(offsets=to_commit(due), asynchronous=True)
                self._reported = False
        except KafkaException as raised:
            self._not_committed(raised.args[0])
        return True

    def on_commit(self, error: KafkaError | None, answers: list[TopicPartition]) -> None:
        """Handle the result of a commit. The client calls it back in its poll."""
        self._reported = True
        if error is not None:
            self._not_committed(error)
        else:
            self._committed(answers)

    def _committed(self, answers: Sequence[TopicPartition]) -> None:
        self._progress.committed({from_client(answer): answer.offset for answer in answers if answer.error is None})

    def _not_committed(self, error: KafkaError) -> None:
        """Handle a refused commit. After a rebalance or while a broker is away it is tried again; with an old generation the
        partitions are gone, and the thread hears of it."""
        if error.fatal() or error.code() in {KafkaError.FENCED_INSTANCE_ID, KafkaError.GROUP_AUTHORIZATION_FAILED}:
            raise explain(error, self._url)
        logger.info("offsets are not committed yet: %s", error.str())


def to_commit(due: Mapping[Partition, tuple[int, str]]) -> list[TopicPartition]:
    """Convert offsets and metadata by partition to the client's form."""
    return [
        TopicPartition(partition.topic, partition.number, offset, metadata)
        for partition, (offset, metadata) in due.items()
    ]
