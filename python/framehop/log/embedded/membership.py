"""Membership in a group: a lock shows that the member is alive, a heartbeat that it is working."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Mapping

import apsw

from framehop.errors import LogError, text_of
from framehop.log.embedded.context import LogContext
from framehop.log.locks import FileLock, is_held
from framehop.log.sqlite import connect, rows, transaction, translated
from framehop.protocols import Start

logger = logging.getLogger(__name__)

BEATS_PER_TIMEOUT = 4


def name_of(instance: str) -> str:
    """Return the name of the member behind an incarnation."""
    return instance.rpartition(".")[0]


def monotonic_us() -> int:
    """Read the heartbeats' clock, which is the same in every process and unaffected by changes of the wall clock."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


class Member:
    """One incarnation of a member: its row, its lock and its heartbeat thread. It may be closed twice."""

    def __init__(self, context: LogContext, group: str, member: str, start: Start) -> None:
        self.instance = f"{member}.{secrets.token_hex(6)}"
        self._context = context
        self._group = group
        self._stop = threading.Event()
        self._complained = False
        with translated(context.paths.locks):
            # The lock is held before the row exists: a row whose lock is free belongs to a dead member.
            self._life = FileLock.acquire_unique(context.paths.member_lock(self.instance))
        try:
            self._db = connect(context.paths.index)
            context.maintenance.watch(self._db)  # heartbeats alone fill the write-ahead log slowly
            self._join(start)
            self._thread = threading.Thread(target=self._run, name="framehop-log-heartbeat", daemon=True)
            self._thread.start()
        except BaseException:
            self._life.release(unlink=True)
            raise

    def close(self) -> None:
        """End the heartbeat and release the lock. The next member to look removes the row and takes the partitions."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join()
            self._db.close()
            self._life.release(unlink=True)

    def _join(self, start: Start) -> None:
        with transaction(self._db, self._context.paths.index):
            rows(self._db, "INSERT INTO groups(name) VALUES(?) ON CONFLICT DO NOTHING", (self._group,))
            # From here on retention knows that the group needs its frames.
            rows(
                self._db,
                'INSERT INTO offsets(group_name, partition, "offset")'
                " SELECT ?, partition, iif(?, next_offset, 0) FROM partitions WHERE true ON CONFLICT DO NOTHING",
                (self._group, start == "latest"),
            )
            rows(
                self._db,
                "INSERT INTO owners(group_name, partition, generation)"
                " SELECT ?, partition, 0 FROM partitions WHERE true ON CONFLICT DO NOTHING",
                (self._group,),
            )
            self._beat_in_transaction()
            bump_version(self._db, self._group)
        self._context.bell.ring()

    def _run(self) -> None:
        interval_s = self._context.options.session_timeout_s / BEATS_PER_TIMEOUT
        while not self._stop.wait(interval_s):
            try:
                with transaction(self._db, self._context.paths.index):
                    self._beat_in_transaction()
                self._complained = False
            except (LogError, MemoryError) as error:
                if not self._complained:
                    self._complained = True
                    logger.warning("member %s cannot say that it is alive: %s", self.instance, text_of(error))

    def _beat_in_transaction(self) -> None:
        # This inserts too: a member that was stopped for long has been removed from the list and joins again.
        rows(
            self._db,
            "INSERT INTO members(instance, group_name, heartbeat_us) VALUES(?,?,?)"
            " ON CONFLICT(instance) DO UPDATE SET heartbeat_us=excluded.heartbeat_us",
            (self.instance, self._group, monotonic_us()),
        )


def bump_version(db: apsw.Connection, group: str) -> None:
    """Tell the other members that something has changed. Call within a transaction."""
    rows(db, "UPDATE groups SET version=version+1 WHERE name=?", (group,))


class Roll:
    """A view of which members of a group are alive."""

    def __init__(self, context: LogContext, group: str) -> None:
        self._context = context
        self._group = group

    def look(self, db: apsw.Connection) -> tuple[frozenset[str], frozenset[str]]:
        """Return (living, dead). The lock of a dead member is free; a stopped member is in neither set."""
        listed = dict(rows(db, "SELECT instance, heartbeat_us FROM members WHERE group_name=?", (self._group,)))
        held = {instance for instance in listed if is_held(self._context.paths.member_lock(instance))}
        return self._fresh(listed, held), frozenset(listed.keys() - held)

    def strike(self, db: apsw.Connection, dead: frozenset[str]) -> None:
        """Remove the dead from the list. Call within a transaction."""
        for instance in dead:
            rows(db, "DELETE FROM members WHERE instance=?", (instance,))

    def _fresh(self, listed: Mapping[str, int], held: set[str]) -> frozenset[str]:
        now, limit = monotonic_us(), int(self._context.options.session_timeout_s * 1e6)
        # The distance counts both ways: a beat from before a reboot lies in the future.
        return frozenset(instance for instance in held if abs(now - listed[instance]) <= limit)
