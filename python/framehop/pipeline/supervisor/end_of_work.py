"""Whether a pipeline that ends by itself has done all its work."""

from __future__ import annotations

import time
from collections.abc import Sequence

from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.supervisor.group_progress import GroupProgress
from framehop.pipeline.supervisor.incarnations import Process
from framehop.pipeline.supervisor.roles import IngestRole
from framehop.types import Partition


class EndOfWork:
    """Judges by looks at the log. Used by the supervisor's thread alone.

    `with_sources`: the work is done when finite sources are in the log and all of it is committed. `until_idle_s`: when that has
    been so for long enough and nothing more has come. With neither a pipeline goes on until somebody stops it."""

    def __init__(
        self,
        roster: Roster,
        ingest: IngestRole,
        workers: Sequence[Process],
        *,
        with_sources: bool,
        until_idle_s: float | None,
    ) -> None:
        self._roster, self._ingest, self._workers = roster, ingest, workers
        self._with_sources, self._until_idle_s = with_sources, until_idle_s
        self._busy_s = time.monotonic()
        self._ends: dict[Partition, int] = {}
        self._looking = False

    def begin(self) -> None:
        """Count idle time from now on."""
        self._busy_s = time.monotonic()

    def due_s(self, now_s: float) -> float | None:
        """Return in how many seconds to ask for the look that may end the work. None if idle time does not end it, and while a look
        is under way: its answer wakes whoever waits, and may take as long as the log is away."""
        if self._until_idle_s is None or self._looking:
            return None
        return max(0.01, self._busy_s + self._until_idle_s - now_s)

    def reached(self, progress: GroupProgress) -> bool:
        """Return whether the work is done, by the last look at the log; ask for a look if there is none yet. Raises the log's
        error."""
        if not self._with_sources and self._until_idle_s is None:
            return False
        look = progress.take()
        self._looking = look is None
        if look is None:
            progress.ask(quiet=self._quiet())
            return False
        if self._until_idle_s is None:  # a source may have been added since the look was asked for
            return look.quiet and look.caught_up and self._ingest_is_over() and self._roster.try_close()
        if look.ends != self._ends or not (look.quiet and look.caught_up):
            self._busy_s, self._ends = time.monotonic(), look.ends
        return look.asked_s >= self._busy_s + self._until_idle_s

    def _quiet(self) -> bool:
        """Whether every worker is up with nothing in flight, and finite sources have ended."""
        if self._with_sources and not self._ingest_is_over():
            return False
        return all(worker.ready and not worker.beat.in_flight for worker in self._workers)

    def _ingest_is_over(self) -> bool:
        if self._roster.stays:
            return False
        ingest = self._ingest.process
        if ingest is None:
            return not self._roster.statuses()
        return ingest.finished is not None and not ingest.alive and not self._roster.untold.wants_ingest
