"""A group's offsets on their way to the broker, where no transaction takes them along."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from framehop import _core
from framehop.log.kafka.commit_progress import CommitProgress
from framehop.log.kafka.connection import explain
from framehop.log.kafka.partition_scan import place_of
from framehop.log.kafka.url import KafkaUrl
from framehop.types import Partition

logger = logging.getLogger(__name__)

UNHEARD_S = 60.0  # the client reports on every commit; should one report be missing, offsets move again after so long


class OffsetCommits:
    """Sends them and notes in `marks` what the broker has. `send` and `on_commit` from the thread that polls the consumer, `wait`
    from any."""

    def __init__(self, url: KafkaUrl, marks: CommitProgress, lock: threading.Lock) -> None:
        """`lock`: of `marks`."""
        self._url = url
        self._marks = marks
        self._moved = threading.Condition(lock)
        self._reported = True  # nothing is on its way
        self._sent_s = 0.0

    def send(self, consumer: Consumer, due: Mapping[Partition, tuple[int, str]], *, wait: bool) -> bool:
        """Whether any were sent: one commit at a time is on its way, unless `wait`. Raises FramehopError when no later one would be
        taken either."""
        unheard = not self._reported and time.monotonic() - self._sent_s < UNHEARD_S
        if not due or (unheard and not wait):
            return False
        _core.failpoint("offsets.stored")
        self._sent_s = time.monotonic()
        try:
            if wait:
                self._committed(consumer.commit(offsets=places_to_commit(due), asynchronous=False) or [])
            else:
                consumer.commit(offsets=places_to_commit(due), asynchronous=True)
                self._reported = False
        except KafkaException as raised:
            self._not_committed(raised.args[0])
        return True

    def on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        """The client's callback, which comes in its poll."""
        self._reported = True
        if error is not None:
            self._not_committed(error)
        else:
            self._committed(places)

    def _committed(self, places: Sequence[TopicPartition]) -> None:
        with self._moved:
            self._marks.committed({place_of(place): place.offset for place in places if place.error is None})
            self._moved.notify_all()

    def _not_committed(self, error: KafkaError) -> None:
        """A rebalance or a broker that is away: tried again. Of an old generation: the partitions are gone, the thread hears."""
        if error.fatal() or error.code() in {KafkaError.FENCED_INSTANCE_ID, KafkaError.GROUP_AUTHORIZATION_FAILED}:
            raise explain(error, self._url)
        logger.info("offsets are not committed yet: %s", error.str())

    def wait(self, marks: Mapping[Partition, int], timeout_s: float) -> None:
        """Until the broker has `marks`, as far as the partitions are still ours, or the time is up."""
        with self._moved:
            self._moved.wait_for(lambda: self._marks.reached(marks), timeout_s)


def places_to_commit(due: Mapping[Partition, tuple[int, str]]) -> list[TopicPartition]:
    """Offsets and metadata by partition, as the client has them."""
    return [
        TopicPartition(partition.topic, partition.number, offset, metadata)
        for partition, (offset, metadata) in due.items()
    ]
