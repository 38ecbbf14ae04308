"""Asks the log how far a lane has come, in a thread of its own, so that a missing broker delays neither the supervisor's other
work nor Ctrl-C."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Self

from framehop.budgets import LEFT_LOOK_S, LOG_LOOK_CLOSE_S
from framehop.errors import LogUnavailableError
from framehop.pipeline.look import Look
from framehop.pipeline.wake import Wake
from framehop.protocols import GroupAdmin
from framehop.types import Partition, PartitionLag

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLook:
    """One answer of the log. `asked_s`: monotonic time when it was asked; the rest was read later. `quiet`: as given to `ask`."""

    asked_s: float
    quiet: bool
    ends: dict[Partition, int]
    committed: dict[Partition, int]

    @property
    def caught_up(self) -> bool:
        """Whether every frame in the log has been committed, here or on another host."""
        return all(self.committed.get(partition, 0) >= end for partition, end in self.ends.items())


def frames_left(log: GroupAdmin, group: str) -> int:
    """Count the frames of the log that the group has still before it; 0 if the log does not say so soon, as without a broker."""
    look = Look("framehop-left", lambda: log.lag(group), list[PartitionLag]())
    try:
        return sum(partition.messages for partition in look.latest(LEFT_LOOK_S).value)
    finally:
        look.close(LOG_LOOK_CLOSE_S)


class GroupProgress:
    """Takes one look at a time. Call `ask`, `take` and `close` from one thread; `fileno` is readable when a look can be taken."""

    def __init__(self, log: GroupAdmin, group: str) -> None:
        self._log = log
        self._group = group
        self._wake = Wake()
        self._changed = threading.Condition()
        self._wanted: tuple[float, bool] | None = None
        self._found: GroupLook | None = None
        self._failure: Exception | None = None
        self._closed = False
        self.stalled = ""
        self._thread = threading.Thread(target=self._run, name="framehop-progress", daemon=True)
        self._thread.start()

    def ask(self, *, quiet: bool) -> None:
        """Ask for another look, after the one that is under way."""
        with self._changed:
            self._wanted = (time.monotonic(), quiet)
            self._changed.notify_all()

    def take(self) -> GroupLook | None:
        """Return the look since the last call, if any. Raises the log's error, but reports a missing broker in `stalled` only."""
        self._wake.clear()
        with self._changed:
            if self._failure is not None:
                raise self._failure
            found, self._found = self._found, None
            return found

    def fileno(self) -> int:
        return self._wake.fileno()

    def _run(self) -> None:
        while (wanted := self._next()) is not None:
            found, failure = None, None
            try:
                found = self._look(*wanted)
            except LogUnavailableError as error:
                self._say(str(error))
            except Exception as error:  # noqa: BLE001  take() raises it
                failure = error
            with self._changed:
                if self._closed:
                    return
                self._found, self._failure = found, failure
                self._wake.ring()

    def _next(self) -> tuple[float, bool] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._closed)
            wanted, self._wanted = self._wanted, None
            return None if self._closed else wanted

    def _look(self, asked_s: float, quiet: bool) -> GroupLook:
        committed = self._log.committed(self._group)
        look = GroupLook(asked_s=asked_s, quiet=quiet, committed=committed, ends=self._log.end_offsets())
        self._say("")
        return look

    def _say(self, stalled: str) -> None:
        if stalled and not self.stalled:
            logger.warning("%s", stalled)
        elif self.stalled and not stalled:
            logger.warning("the log answers again")
        self.stalled = stalled

    def close(self) -> None:
        """End the thread, but do not wait longer than LOG_LOOK_CLOSE_S for a look under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(LOG_LOOK_CLOSE_S)
        self._wake.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
