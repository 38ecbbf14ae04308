"""Receive a member's records: frames for its worker, and the others, which it passes over."""

from __future__ import annotations

import logging
from typing import NoReturn

from confluent_kafka import KafkaError, KafkaException, Message

from framehop.budgets import HANDOVER_S
from framehop.errors import LogError, LogUnavailableError
from framehop.log.kafka.commits import Commits
from framehop.log.kafka.errors import MISSING, explain
from framehop.log.kafka.member import MemberClient
from framehop.log.kafka.offset_queries import range_of, to_client
from framehop.log.kafka.start_offsets import behind_its_end
from framehop.log.kafka.wire import NotOursError, parse_frame, payload_of, pointer_of
from framehop.types import FrameRecord, Partition

logger = logging.getLogger(__name__)

BATCH = 64  # the client's cost per message doubles above this
POLL_S = 0.05  # while frames are under way: their offsets are committed between two polls
REST_S = 0.2  # while none are; a record ends the wait, and rebalances are heard during it
FULL_S = 1.0  # a full handoff is checked this often, so that rebalances are heard anyway


class RecordReceiver:
    """Fetches what the client has received and hands frames to the worker. Records that are no frames, ends of partitions and
    ranges that retention removed are passed over, and their outputs go with the next delivery.

    It has no lock: only the consumer's thread calls it.
    """

    def __init__(self, member: MemberClient, commits: Commits) -> None:
        self._commits = commits
        self._connection, self._consumer = member.connection, member.consumer
        self._progress, self._outputs = member.progress, member.outputs
        self._handoff, self._ending = member.handoff, member.ending

    def fetch(self) -> None:
        """Fetch messages; only one when the handoff is full. This call alone hears rebalances, and a pause would discard what was
        read ahead."""
        room = self._handoff.wait_room(FULL_S)
        first = self._consumer.poll(REST_S if self._progress.at_rest else POLL_S)
        if first is None:
            return
        more = self._consumer.consume(BATCH - 1, 0) if room else []
        self._handoff.put([record for message in (first, *more) if (record := self._record(message)) is not None])

    def _record(self, message: Message) -> FrameRecord | None:
        if message.error() is not None:
            self._heard(message, message.error())
            return None
        try:
            meta = parse_frame(message)
        except NotOursError as error:
            self._not_a_frame(message, str(error))
            return None
        tenure = self._progress.hand_out(meta.pointer.topic_partition, meta.pointer.offset)
        if tenure is None:
            return None
        return FrameRecord(meta=meta, payload=payload_of(message, meta), tenure=tenure)

    def _heard(self, message: Message, error: KafkaError | None) -> None:
        assert error is not None
        at = pointer_of(message)
        match error.code():
            case KafkaError._PARTITION_EOF:
                self._progress.skip(at.topic_partition, at.offset)
            case KafkaError._AUTO_OFFSET_RESET | KafkaError.OFFSET_OUT_OF_RANGE:
                self._out_of_range(at.topic_partition)
            case code if code in MISSING and self._passes(at.topic_partition):
                logger.info("%s: %s", at.topic_partition, error.str())
            case _ if error.fatal() or not error.retriable():
                explained = explain(error, self._connection.url, at.topic or self._connection.frames.text)
                if isinstance(explained, LogUnavailableError):
                    logger.info("%s", explained)
                else:
                    raise explained from KafkaException(error)

    def _passes(self, partition: Partition) -> bool:
        """Return whether an unknown partition is no fault: its topic may vanish, or it is new and the client has not heard of
        it."""
        return self._connection.may_vanish(partition.topic) or self._ending.patiently(
            lambda: self._connection.has(partition), default=True
        )

    def _not_a_frame(self, message: Message, why: str) -> None:
        pointer = pointer_of(message)
        logger.warning("%s/%d@%d is not a frame: %s", pointer.topic, pointer.partition, pointer.offset, why)
        letter = self._outputs.letter_of_record(pointer, f"not_a_frame: {why}")
        self._progress.pass_over(pointer.topic_partition, pointer.offset, pointer.offset + 1, letter)

    def _out_of_range(self, partition: Partition) -> None:
        none: tuple[int, int] | None = None
        kept = self._ending.patiently(lambda: range_of(self._connection, partition), default=none)
        at = self._progress.handed(partition)
        if kept is None or at is None:
            return
        begin, end = kept
        if at > end:
            self._give_up(partition, begin, behind_its_end(partition, at, end))
        if at < begin:
            self._overtaken(partition, begin)
        # seek() would be refused, since the client has stopped fetching a partition that is out of range.
        self._consumer.incremental_unassign([to_client(partition)])
        self._consumer.incremental_assign([to_client(partition, max(begin, at))])

    def _overtaken(self, partition: Partition, begin: int) -> None:
        """Go on at `begin`, before which retention has removed all frames; those that nobody had read are recorded as a gap."""
        unread = self._progress.unread(partition)
        if unread is not None and unread < begin:
            self._progress.pass_over(partition, unread, begin, self._outputs.gap(partition, unread, begin))
        else:
            self._progress.skip(partition, begin)

    def _give_up(self, partition: Partition, begin: int, why: str) -> NoReturn:
        """Set the offset to `begin` and fail, because the offsets now mean other frames than those in flight. A restarted worker
        has none in flight."""
        self._progress.drop([partition])
        # A commit under way has an old offset; wait for it.
        self._commits.wait_idle(HANDOVER_S)
        try:
            self._consumer.commit(offsets=[to_client(partition, begin)], asynchronous=False)
        except KafkaException as raised:
            logger.warning("%s could not be set back: %s", partition, raised.args[0].str())
        raise LogError(f"{why}; the worker starts anew, with its beginning")
