"""Take partitions over and give them up, as the group decides."""

from __future__ import annotations

import logging
from collections.abc import Collection

from confluent_kafka import Consumer, TopicPartition

from framehop.budgets import HANDOVER_S
from framehop.log.kafka.commits import Commits
from framehop.log.kafka.coverage import CoverageWatch, listed
from framehop.log.kafka.handoff import Notice
from framehop.log.kafka.member import MemberClient
from framehop.log.kafka.offset_queries import from_client, to_client
from framehop.log.kafka.start_offsets import StartOffset, resolve_starts
from framehop.protocols import BeginAt, Start, Tenure
from framehop.timing import Deadline
from framehop.types import Partition

logger = logging.getLogger(__name__)

POLL_S = 0.05


class Rebalance:
    """A member's part in its group: it subscribes, begins at the right offsets, lets the worker finish before partitions go, and
    joins again when the group has left partitions without an owner.

    It has no lock. Only the consumer's thread calls it; the client calls back in that thread's poll, and in its own close when that
    thread has ended. `close` may be called from any thread.
    """

    def __init__(
        self,
        member: MemberClient,
        commits: Commits,
        *,
        start: Start,
        begin_at: BeginAt | None,
        known: Collection[Partition],
    ) -> None:
        """Prepare to join. `known`: the partitions that exist now. `start` applies to these; those that come later are read from
        their beginning. `begin_at`: as in FrameLog.consumer; called by the consumer's thread."""
        self._member, self._commits = member, commits
        self._connection, self._consumer, self._group = member.connection, member.consumer, member.group
        self._start: Start = start
        self._begin_at = begin_at
        self._known = known
        self._watch = None if member.connection.options.by_broker else self._watched()

    def _watched(self) -> CoverageWatch:
        """Return the watch of a classic group. In the newer protocol the broker itself assigns partitions without an owner."""
        return CoverageWatch(self._connection, self._group, every_s=self._connection.options.session_timeout_s / 4)

    def subscribe(self) -> None:
        """Join the group, or join it again after unsubscribing."""
        self._consumer.subscribe(
            [self._connection.frames.pattern],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )

    def cover(self) -> None:
        """Leave the group and join it again when it has left partitions without an owner and it is our turn. Our partitions are
        given up as in every hand-over."""
        if self._watch is None or not self._watch.orphans:
            return
        orphans = self._watch.due(self._consumer.memberid() or "")
        if orphans:
            logger.warning("nobody reads %s: joining group %s anew", listed(orphans), self._group)
            self._consumer.unsubscribe()
            self.subscribe()
            self._moved()

    def _moved(self) -> None:
        if self._watch is not None:
            self._watch.moved()

    def close(self) -> None:
        """End the watch. Partitions are given up by the client's own close."""
        if self._watch is not None:
            self._watch.close()

    # ---- called by the client

    def _assigned(self, consumer: Consumer, found: list[TopicPartition]) -> None:
        starts = self._starts([from_client(partition) for partition in found])
        gaps = [
            self._member.outputs.gap(start.partition, start.gap_from, start.offset)
            for start in starts
            if start.gap_from is not None
        ]
        gained = self._member.progress.gain(starts, gaps)
        begins = {start.partition: self._patient_begin(start, gained[start.partition]) for start in starts}
        self._member.progress.read_again(begins)
        consumer.incremental_assign([to_client(partition, begin) for partition, begin in begins.items()])
        self._moved()
        self._member.handoff.announce(Notice(gained=gained))

    def _patient_begin(self, start: StartOffset, tenure: Tenure) -> int:
        return self._member.ending.patiently(lambda: self._begin(start, tenure), default=tenure.offset)

    def _begin(self, start: StartOffset, tenure: Tenure) -> int:
        """Return the offset at which reading begins: the tenure's, or an earlier one that the log still has."""
        wanted = tenure.offset if self._begin_at is None else self._begin_at(start.partition, tenure)
        return min(tenure.offset, max(start.oldest, wanted))

    def _starts(self, partitions: list[Partition]) -> list[StartOffset]:
        none: list[StartOffset] = []
        return self._member.ending.patiently(
            lambda: resolve_starts(
                self._connection,
                self._consumer,
                partitions,
                group=self._group,
                start=self._start,
                known=self._known,
            ),
            default=none,
        )

    def _revoked(self, consumer: Consumer, found: list[TopicPartition]) -> None:
        """Wait, within a bound, until the worker has finished and committed its frames in flight; then give the partitions up."""
        notice = Notice(revoked=frozenset(from_client(partition) for partition in found))
        # An older generation could no longer commit.
        self._commits.note_generation()
        self._member.handoff.announce(notice)
        deadline = Deadline.after(HANDOVER_S)
        while not notice.heeded.wait(POLL_S) and not deadline.expired and not self._member.ending.begun:
            self._commits.send_offsets(wait=True)
        self._commits.finish_within(deadline.remaining_s + POLL_S)
        self._let_go(consumer, notice)

    def _lost(self, consumer: Consumer, found: list[TopicPartition]) -> None:
        partitions = frozenset(from_client(partition) for partition in found)
        logger.warning(
            "partitions %s were lost: this worker was silent for longer than the session, or their topic was deleted",
            ", ".join(map(str, sorted(partitions))),
        )
        notice = Notice(revoked=partitions)
        self._let_go(consumer, notice)
        self._member.handoff.announce(notice)

    def _let_go(self, consumer: Consumer, notice: Notice) -> None:
        self._member.progress.drop(notice.revoked)
        consumer.incremental_unassign([to_client(partition) for partition in notice.revoked])
        self._moved()
