"""Find partitions without an owner, and decide whose turn it is to join again.

When a static member of a classic group restarts, the broker gives it the partitions that it had noted and does not balance the
group. If the member was killed while giving partitions up, or if partitions were added meanwhile, some have no owner for ever. So
every member watches the group; one of them leaves and joins again, and the group is balanced from the beginning.

The workers watch, not their supervisor: librdkafka aborts when the description of a group times out (see `Descriptions`), and a
worker that dies of it is restarted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable

from framehop.budgets import HANDOVER_FRAMES_S
from framehop.errors import FramehopError, LogAccessError, LogNotFoundError, LogUnavailableError, text_of
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.groups import GroupView, view_of
from framehop.timing import Reminder
from framehop.types import Partition

logger = logging.getLogger(__name__)

ORPHANED_S = HANDOVER_FRAMES_S  # a member that gives partitions up first finishes its frames
TURN_S = 5.0  # the next member in line waits this much longer, in case the first is stopped or is not framehop's
LONGEST_S = 300.0
LONGEST_LOOK_S = 2.0
WATCH_CLOSE_S = 0.5
NAMED = 8  # partitions that a message names; the others are counted


class Coverage:
    """Judges a series of looks at a group. Not thread-safe; times are of one monotonic clock, in seconds.

    Every member judges by the same facts, so that one acts: the member with the fewest partitions, and the lowest name among
    equals. Vain attempts become rare: before each, the group is left at rest for as long as the trouble has lasted.
    """

    def __init__(self) -> None:
        self._since: dict[Partition, float] = {}
        self._quiet_s = 0.0
        self._line: list[str] = []  # member ids, in the order of their turns

    @property
    def orphans(self) -> frozenset[Partition]:
        """Partitions that had no owner at the last look."""
        return frozenset(self._since)

    def note(self, now_s: float, view: GroupView, partitions: Collection[Partition]) -> None:
        """Note a look at the group, and the partitions that exist. A group that is being balanced does not tell its owners."""
        if not view.stable:
            self.moved(now_s)
            return
        owned = view.owners()
        self._since = {
            partition: self._since.get(partition, now_s) for partition in partitions if partition not in owned
        }
        self._line = [member.member_id for member in sorted(view.members, key=lambda m: (len(m.partitions), m.name))]

    def moved(self, now_s: float) -> None:
        """Note that the group is being balanced; orphans count only from then on."""
        self._quiet_s = now_s

    def due(self, now_s: float, member_id: str) -> frozenset[Partition]:
        """Return the partitions that have lacked an owner for so long that it is this member's turn to join again."""
        if member_id not in self._line:
            return frozenset()
        later_s = TURN_S * self._line.index(member_id)
        return frozenset(
            partition
            for partition, since in self._since.items()
            if self._peace_s(now_s, since) >= later_s + self._wait_s(since)
        )

    def _peace_s(self, now_s: float, since: float) -> float:
        """Return how long the group has been at rest with a partition without an owner."""
        return now_s - max(since, self._quiet_s)

    def _wait_s(self, since: float) -> float:
        """Return how long to leave the group at rest: as long as attempts have lasted so far."""
        return min(LONGEST_S, max(ORPHANED_S, self._quiet_s - since))


class CoverageWatch:
    """Looks at a group every `every_s` seconds, in a thread of its own. Call `orphans`, `due` and `moved` from any thread."""

    def __init__(self, connection: Connection, group: str, *, every_s: float) -> None:
        self._connection, self._group, self._every_s = connection, group, min(LONGEST_LOOK_S, every_s)
        self._coverage = Coverage()
        self._lock = threading.Lock()
        self._refused = False
        self._strangers: frozenset[str] = frozenset()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka-coverage", daemon=True)
        self._thread.start()

    @property
    def orphans(self) -> frozenset[Partition]:
        return self._coverage.orphans

    def due(self, member_id: str) -> frozenset[Partition]:
        with self._lock:
            return self._coverage.due(time.monotonic(), member_id)

    def moved(self) -> None:
        with self._lock:
            self._coverage.moved(time.monotonic())

    def close(self) -> None:
        """End the thread, without waiting long for a look under way."""
        self._ending.set()
        self._thread.join(WATCH_CLOSE_S)

    def _run(self) -> None:
        reminder = Reminder()
        while not self._ending.wait(self._every_s):
            try:
                self._look()
                reminder.over()
            except LogAccessError as error:
                self._say_refused(error)
            except (LogUnavailableError, LogNotFoundError) as error:  # the consumer's own thread reports it
                logger.debug("group %s is not seen: %s", self._group, error)
            except FramehopError as error:
                if reminder.due(text_of(error), time.monotonic()):
                    logger.warning("group %s cannot be looked at, and is in a while: %s", self._group, error)

    def _look(self) -> None:
        view, partitions = view_of(self._connection, self._group), self._connection.frame_partitions()
        with self._lock:
            before = self._coverage.orphans
            self._coverage.note(time.monotonic(), view, partitions)
            after = self._coverage.orphans
        self._say_foreign(view)
        if before and not after:
            logger.info("group %s: every partition has an owner again", self._group)

    def _say_foreign(self, view: GroupView) -> None:
        """Warn that another application commits what it reads and leaves no events."""
        names = frozenset(member.name for member in view.members if member.foreign)
        if names - self._strangers:
            logger.warning(
                "another application is in group %s (%s): the frames that it is given get no events. Give it a group of its own, "
                "and look with framehop audit for what is missing",
                self._group,
                ", ".join(sorted(names)[:NAMED]),
            )
        self._strangers |= names

    def _say_refused(self, error: LogAccessError) -> None:
        if not self._refused:
            logger.warning("partitions that the group leaves to nobody go unnoticed: %s", error)
        self._refused = True


def listed(partitions: Iterable[Partition]) -> str:
    """List partitions for a message, in order."""
    names = [str(partition) for partition in sorted(partitions)]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
