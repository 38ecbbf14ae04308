"""The processes of a run: started, heard, collected when dead and started again, each by the rule of `incarnations.py`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from framehop.budgets import AWAY_S
from framehop.config.environment import FailPoint
from framehop.pipeline.processes.messages import Beat, Failed, Finished, Ready
from framehop.pipeline.supervisor.incarnations import Incident, Process
from framehop.pipeline.supervisor.role import Role
from framehop.pipeline.supervisor.status import Counters, Status

logger = logging.getLogger(__name__)


class Crew:
    """All processes of a run, by their roles. Used by the supervisor's thread alone.

    `incidents`: the deaths so far. `left_behind`: whether a process may have left frames undone as it drained.
    """

    def __init__(self, roles: Sequence[Role], *, fail_at: FailPoint | None, on_beat: Callable[[], None]) -> None:
        """`roles`: in the order in which they drain; they start in the reverse order. `on_beat`: called after each beat."""
        self._roles, self._fail_at, self._on_beat = roles, fail_at, on_beat
        self._counters = Counters()
        self._cared_s = self._rested_s = time.monotonic()  # when it began to care last, and when it was done with that
        self._away_s = 0.0
        self.incidents: list[Incident] = []
        self.left_behind = False

    @property
    def processes(self) -> list[Process]:
        """All processes that should run now, in the order in which they start."""
        return [process for _, process in self._kept()]

    def _kept(self) -> list[tuple[Role, Process]]:
        """Return every process with its role, in the order in which they start."""
        return [(role, process) for role in reversed(self._roles) for process in role.processes]

    def status(self) -> Status:
        """Return the sums over all processes and all their incarnations."""
        return self._counters.status(self.processes)

    def start(self) -> None:
        for role, process in self._kept():
            self._start(role, process)
        self._cared_s = self._rested_s = time.monotonic()

    def care(self) -> None:
        """Hear all processes, collect the dead, kill the hung, start those that are due. A draining one is not started again."""
        now_s = time.monotonic()  # everybody is judged by it: should we be frozen from here on, the next round notices
        self._excuse(now_s)
        for role, process in self._kept():
            self._hear(role, process)
            self._bury(role, process)
            process.kill_if_hung(now_s)
            if process.restart_at_s is not None and time.monotonic() >= process.restart_at_s:
                self._counters.restarts += self.try_start(role, process)
        self._rested_s = time.monotonic()

    @property
    def away_s(self) -> float:
        """The time, all in all, in which this thread did not run, up to this moment. The time in which the program's callbacks
        hold it up does not count: the processes work meanwhile."""
        return self._away_s + self._away_until(time.monotonic())

    def _away_until(self, now_s: float) -> float:
        away_s = now_s - self._rested_s
        return away_s if away_s > AWAY_S else 0.0

    def _excuse(self, now_s: float) -> None:
        """Count no time against anybody in which this thread did not run: what froze it (SIGSTOP to the group, docker pause)
        has frozen the others too, and they need a moment to give a sign of life."""
        self._away_s += self._away_until(now_s)
        away_s, self._cared_s = now_s - self._cared_s, now_s
        if away_s <= AWAY_S:
            return
        logger.warning("the supervisor did not run for %.0f s: its processes get as much time again", away_s)
        for process in self.processes:
            process.excuse(away_s, now_s)

    def drain(self, role: Role) -> None:
        """Ask the processes of a role to finish and end. None of them is started again."""
        for process in role.processes:
            # A process that has just died is not started again: its frames are left to the next start.
            ended = not (process.alive or process.finished)
            self.left_behind = self.left_behind or (ended and role.leaves_frames)
            process.drain()

    def end(self) -> None:
        """Kill every process, and release what belongs to it."""
        for process in self.processes:  # all at once: one with much memory takes a while to die
            process.kill()
        for process in self.processes:
            process.end()

    # ---- one process

    def try_start(self, role: Role, process: Process) -> bool:
        """Start it, or plan another try and return False: a lack of descriptors or memory may pass, and must not end the others.
        While no process has been ready yet, the error is raised: then the limits are too low for a pipeline."""
        try:
            self._start(role, process)
        except OSError as error:
            if not any(each.proven for each in self.processes):
                raise
            process.put_off(error)
            return False
        return True

    def _start(self, role: Role, process: Process) -> None:
        process.events_at_start = self.status().events
        process.start(role.settings(process), self._fail_point(role, process))

    def _fail_point(self, role: Role, process: Process) -> FailPoint | None:
        point = self._fail_at
        return point if point is not None and process.index == 0 and point.name in role.fail_points else None

    def _hear(self, role: Role, process: Process) -> None:
        for message in process.receive():
            match message:
                case Ready(model):
                    process.ready = process.proven = True
                    role.introduce(process, model)
                case Beat():
                    process.beat = message
                    self._on_beat()
                case Finished():
                    process.finished = message
                case Failed():
                    process.note_failure(message)
                case _:
                    role.hear(process, message)

    def _bury(self, role: Role, process: Process) -> None:
        if process.popen is None or process.popen.poll() is None:
            return
        self._hear(role, process)
        role.ended(process)
        incident = process.reap(role.held(process), progressed=self.status().events > process.events_at_start)
        # A process that died while draining may have had more in flight than its last beat said.
        unfinished = incident is not None or process.beat.in_flight > 0
        self.left_behind = self.left_behind or (process.draining and unfinished)
        self._counters.bury(process.beat)
        process.beat = Beat()
        if incident is not None:
            logger.warning("%s ended by %s", process.name, incident.signal or f"status {incident.exit_code}")
            self.incidents.append(incident)
            role.died(process)
