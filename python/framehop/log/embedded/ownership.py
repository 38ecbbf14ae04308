"""Own a group's partitions, by lock and generation.

A partition belongs to the member that holds flock on `p<N>.<group>.g<generation>` and is named in the owner's row. Taking it over
always raises the generation, either because the old lock is free (given back, or its holder died) or because the heartbeat of the
member that holds it is stale (stopped). Every commit checks the generation, so whatever the old owner still does is refused.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import apsw

from framehop.errors import LogBusyError, LogError, LogFullError, text_of
from framehop.log.embedded.context import LogContext
from framehop.log.embedded.membership import BEATS_PER_TIMEOUT, Member, Roll, bump_version
from framehop.log.locks import FileLock
from framehop.log.sqlite import connect, rows, transaction, translated, value
from framehop.partitioning import fair_shares
from framehop.protocols import Start, Tenure

logger = logging.getLogger(__name__)

_OFFSETS = 'SELECT partition, "offset", metadata FROM offsets WHERE group_name=?'


@dataclass(frozen=True, slots=True)
class _Claim:
    generation: int
    lock: FileLock


@dataclass(frozen=True, slots=True)
class _Owner:
    generation: int
    instance: str | None


class Ownership:
    """The partitions of one member. Call `refresh` and `close` from the thread that polls; the rest from any."""

    def __init__(self, context: LogContext, group: str, member: str, start: Start) -> None:
        self._context = context
        self._group = group
        self._claims: dict[int, _Claim] = {}
        self._lock = threading.Lock()
        self._roll = Roll(context, group)
        self._version = -1
        self._next_look = 0.0
        self._db = connect(context.paths.index)
        try:  # last, since a member that lives has a share of the partitions
            self._member = Member(context, group, member, start)
        except BaseException:
            self._db.close()
            raise

    @property
    def partitions(self) -> frozenset[int]:
        with self._lock:
            return frozenset(self._claims)

    @property
    def tenures(self) -> dict[int, int]:
        """Return the tenure's number, which is the owner's generation, by owned partition."""
        with self._lock:
            return {partition: claim.generation for partition, claim in self._claims.items()}

    def drop_lost(
        self, db: apsw.Connection, touched: frozenset[int], tenures: Mapping[int, int] | None
    ) -> frozenset[int]:
        """Return those of `touched` that this member no longer owns, or not in the tenure given. The former leave `partitions`.
        Call within a commit's transaction."""
        owners = self._owners(db)
        with self._lock:
            gone = frozenset(partition for partition in touched if not self._is_mine(partition, owners))
            self._forget(gone)
            return gone | {partition for partition in touched - gone if not self._is_in(partition, tenures)}

    def _is_in(self, partition: int, tenures: Mapping[int, int] | None) -> bool:
        return tenures is None or tenures.get(partition) == self._claims[partition].generation

    def _forget(self, partitions: frozenset[int]) -> None:
        """Drop claims. Call with the lock held."""
        for claim in [self._claims.pop(partition) for partition in partitions if partition in self._claims]:
            claim.lock.release(unlink=True)  # nobody needs the file, since the next owner raises the generation

    def refresh(self, revoke: Callable[[frozenset[int]], None]) -> dict[int, Tenure]:
        """Take part in the group's balance and return the tenures that begin. Calls `revoke` before it gives a partition back.

        This is cheap while nothing changes: one small query, and a check of the living four times per session timeout. Raises
        LogError when the log has been removed.
        """
        if not self._is_due():
            return {}
        self._context.presence.check()
        try:
            surplus, lacking = self._plan()
            if surplus:
                revoke(surplus)
                self._give_back(surplus)
            return self._claim() if lacking else {}
        except (LogFullError, LogBusyError) as error:
            logger.warning("group %s cannot be balanced now, and tries again: %s", self._group, error)
            return {}

    def close(self) -> None:
        """Leave the group; the partitions are free at once."""
        try:
            self._give_back(self.partitions)
        except (LogError, MemoryError) as error:
            logger.warning("group %s learns only by a time-out that a member has left: %s", self._group, text_of(error))
        with self._lock:
            self._forget(frozenset(self._claims))
        self._member.close()
        self._context.bell.ring()
        self._db.close()

    def _is_due(self) -> bool:
        with translated(self._context.paths.index):
            version = value(self._db, "SELECT version FROM groups WHERE name=?", (self._group,))
        if version == self._version and time.monotonic() < self._next_look:
            return False
        self._version = version
        self._next_look = time.monotonic() + self._context.options.session_timeout_s / BEATS_PER_TIMEOUT
        return True

    def _plan(self) -> tuple[frozenset[int], bool]:
        """Return what to give back, and whether there may be something to take. Forgets what others took."""
        with translated(self._context.paths.index):
            living, dead = self._roll.look(self._db)
            owners = self._owners(self._db)
        with self._lock:
            self._forget(frozenset(partition for partition in self._claims if not self._is_mine(partition, owners)))
        if self._member.instance not in living:
            return frozenset(), False  # just woken from a long stop; the heartbeat comes first
        share = self._share(owners, living)
        mine = sorted(self.partitions)
        return frozenset(mine[share:]), len(mine) < share or bool(dead)

    def _share(self, owners: dict[int, _Owner], living: frozenset[str]) -> int:
        owned = dict.fromkeys(living, 0)
        for owner in owners.values():
            if owner.instance in owned:
                owned[owner.instance] += 1
        return fair_shares(owned, len(owners))[self._member.instance]

    def _claim(self) -> dict[int, Tenure]:
        claims: dict[int, _Claim] = {}
        try:
            with transaction(self._db, self._context.paths.index):
                # Look again, so that members that joined or woke since the plan was made are not robbed.
                living, dead = self._roll.look(self._db)
                self._roll.strike(self._db, dead)
                owners = self._owners(self._db)
                wanted = self._share(owners, living | {self._member.instance}) - len(self.partitions)
                for partition, owner in sorted(owners.items()):
                    if len(claims) < wanted and self._is_free(partition, owner, living):
                        claims[partition] = self._take(partition, owner)
                if claims or dead:
                    bump_version(self._db, self._group)
                offsets = {partition: kept for partition, *kept in rows(self._db, _OFFSETS, (self._group,))}
        except BaseException:
            for claim in claims.values():
                claim.lock.release(unlink=True)
            raise
        with self._lock:
            self._claims.update(claims)
        return {
            partition: Tenure(number=claim.generation, offset=offsets[partition][0], metadata=offsets[partition][1])
            for partition, claim in claims.items()
        }

    def _is_free(self, partition: int, owner: _Owner, living: frozenset[str]) -> bool:
        # If the row names us without a claim, a transaction was committed although its caller saw an error.
        forgotten = owner.instance == self._member.instance and partition not in self.partitions
        return forgotten or owner.instance not in living

    def _take(self, partition: int, owner: _Owner) -> _Claim:
        """Raise the generation and lock its file. The caller's transaction ensures that nobody else does the same."""
        paths = self._context.paths
        old = FileLock.try_acquire(paths.partition_lock(self._group, partition, owner.generation))
        if old is not None:
            old.release(unlink=True)
        generation = owner.generation + 1
        lock = FileLock.acquire_unique(paths.partition_lock(self._group, partition, generation))
        try:
            rows(
                self._db,
                "UPDATE owners SET generation=?, instance=? WHERE group_name=? AND partition=?",
                (generation, self._member.instance, self._group, partition),
            )
        except BaseException:  # the next try takes the same name
            lock.release(unlink=True)
            raise
        return _Claim(generation, lock)

    def _give_back(self, partitions: frozenset[int]) -> None:
        with self._lock:
            claims = {partition: self._claims[partition] for partition in partitions if partition in self._claims}
        with transaction(self._db, self._context.paths.index):
            for partition, claim in claims.items():
                rows(
                    self._db,
                    "UPDATE owners SET instance=NULL WHERE group_name=? AND partition=? AND generation=?",
                    (self._group, partition, claim.generation),
                )
            bump_version(self._db, self._group)
        with self._lock:
            self._forget(frozenset(claims))
        self._context.bell.ring()

    def _owners(self, db: apsw.Connection) -> dict[int, _Owner]:
        found = rows(db, "SELECT partition, generation, instance FROM owners WHERE group_name=?", (self._group,))
        return {partition: _Owner(generation, instance) for partition, generation, instance in found}

    def _is_mine(self, partition: int, owners: dict[int, _Owner]) -> bool:
        claim, owner = self._claims.get(partition), owners.get(partition)
        return claim is not None and owner is not None and owner == _Owner(claim.generation, self._member.instance)
