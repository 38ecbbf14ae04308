"""The supervisor: creates the rings, starts, watches and restarts the processes, and drains them at the end."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from framehop import _core
from framehop.budgets import DRAIN_GRACE_S
from framehop.config.detect_options import DetectOptions
from framehop.config.environment import FailPoint
from framehop.inference import from_anywhere, load_model
from framehop.log import LogAt
from framehop.pipeline.control_plane.requests import Publication
from framehop.pipeline.control_plane.runtime_dir import RuntimeDir
from framehop.pipeline.processes.standard_streams import open_closed_numbers
from framehop.pipeline.stop import StopSignal
from framehop.pipeline.streams.streams import Streams
from framehop.pipeline.supervisor.crew import Crew
from framehop.pipeline.supervisor.end_of_work import EndOfWork
from framehop.pipeline.supervisor.group_progress import GroupProgress, frames_left
from framehop.pipeline.supervisor.model_swaps import ModelSwaps
from framehop.pipeline.supervisor.rate import Rate
from framehop.pipeline.supervisor.reporter import Reporter
from framehop.pipeline.supervisor.role import Resources, Role
from framehop.pipeline.supervisor.roles import DetectorRole, IngestRole, WorkerRole
from framehop.pipeline.supervisor.status import ProcessStatus, Status, Summary, status_of
from framehop.protocols import FrameLog
from framehop.ring import check_memory, plan_ring, video_memory
from framehop.timing import Deadline, now_us
from framehop.types import ModelInfo

TICK_S = 1.0


class Supervisor:
    """Runs a pipeline on this host until it is asked to stop. With `until_idle_s` it also ends when no frame came for so long; with
    `ends_with_sources`, when the sources of `streams` are done and every frame of theirs has its event.

    Call `run` once, from one thread. The constructor starts nothing; it raises OutOfMemoryError when the rings do not fit,
    InvalidArgumentError when no ring can have that size, ModelError and ConfigError. `run` raises LogError, and ProcessError when a
    process cannot be kept running.
    """

    def __init__(
        self,
        log: LogAt,
        options: DetectOptions,
        *,
        streams: Streams,
        ends_with_sources: bool = False,
        until_idle_s: float | None = None,
        fail_at: FailPoint | None = None,
        on_status: Callable[[Status], None] | None = None,
    ) -> None:
        self._log = log
        self._options = options
        self._streams = streams
        self._roster = streams.roster
        self._on_status = on_status
        plan = plan_ring(options.slots, options.slot_bytes, options.tap_quota)
        check_memory(plan, options.workers, link_bytes=options.link_bytes)
        load_model(options.model)  # refuses a missing file now, not in the detector
        options = replace(options, model=from_anywhere(options.model))  # the program may change its working directory
        self._resources = Resources(video_bytes=video_memory(plan, options.workers, link_bytes=options.link_bytes))
        self._ingest = IngestRole(log, self._roster, stays=not ends_with_sources)
        self._workers = WorkerRole(log, options, self._resources, self._roster.traits)
        self._detectors = DetectorRole(options, self._resources, self._workers.serves)
        self._roles: tuple[Role, ...] = (self._ingest, self._workers, self._detectors)
        self._end_of_work = EndOfWork(
            self._roster,
            self._ingest,
            self._workers.processes,
            with_sources=ends_with_sources,
            until_idle_s=until_idle_s,
        )
        self._crew = Crew(self._roles, fail_at=fail_at, on_beat=self._report)
        self._rate = Rate()
        self._progress: GroupProgress | None = None

        # The last known state. Any thread may read it, as it is always replaced as a whole.
        self.view: tuple[Status, tuple[ProcessStatus, ...]] = (self.status(), ())

    # ---- another model, from any thread

    @property
    def swaps(self) -> ModelSwaps:
        """The swaps of models, which any thread may ask for and wait for."""
        return self._detectors.swaps

    @property
    def models(self) -> dict[str, ModelInfo]:
        """The model that each detector runs now, by the process's name. Any thread may read it."""
        return self._detectors.models

    # ---- the whole run

    def run(self, stop: StopSignal) -> Summary:
        open_closed_numbers()  # else a process could have its channel for its stderr
        with self._log.open(create=False) as log, RuntimeDir() as runtime:
            try:
                self._resources.members = log.members(self._options.group, self._options.workers)
                self._make_rings(runtime.path)
                self._crew.start()
                self._serve_sources()
                with self._reporter(runtime.path, log, stop):
                    with GroupProgress(log, self._options.group) as self._progress:
                        self._loop(self._progress, stop)
                    drained = self._drain(stop)
            finally:
                self._end_all()
            waiting = frames_left(log, self._options.group) if drained and stop.requested else 0
        return self._summary(drained, waiting)

    def _reporter(self, directory: Path, log: FrameLog, stop: StopSignal) -> Reporter:
        """Publish the pipeline: from here on it can be found and asked."""
        return Reporter(
            directory,
            Publication(
                pid=os.getpid(),
                started_us=now_us(),
                log=log.url,
                lane=self._options.lane,
                version=_core.__version__,
                kind="pipeline" if self._streams.takes_sources else "detect",
            ),
            view=lambda: self.view,
            models=lambda: self.models,
            swaps=self.swaps,
            stopping=lambda: stop.requested,
            streams=self._streams,
            rings=self._resources.rings,
            members=self._resources.members,
            rate=self._rate,
            lag=lambda: log.lag(self._options.group),
        )

    def _make_rings(self, sockets: Path) -> None:
        options, resources = self._options, self._resources
        resources.sockets = sockets
        for worker in self._workers.processes:
            path = str(sockets / f"ring-{worker.index}.sock")
            resources.rings.append(
                _core.RingHost(path, slots=options.slots, slot_bytes=options.slot_bytes, tap_quota=options.tap_quota)
            )

    def _loop(self, progress: GroupProgress, stop: StopSignal) -> None:
        self._end_of_work.begin()
        while not stop.requested and not self._end_of_work.reached(progress):
            self._wait(stop, self._next_wake_s(), progress)
            self._care()
            self._serve_sources()
        self._roster.close()

    def _wait(self, stop: StopSignal, timeout_s: float, progress: GroupProgress | None = None) -> None:
        """Wait until a process says something or ends, a look at the log is done, a stop is requested, or the time is up."""
        with (
            selectors.PollSelector() as selector
        ):  # it needs no descriptor, of which a program around us may have none left
            selector.register(stop, selectors.EVENT_READ)
            if progress is not None:
                selector.register(progress, selectors.EVENT_READ)
                selector.register(self._roster.untold, selectors.EVENT_READ)
                selector.register(self._detectors.swaps, selectors.EVENT_READ)
            for process in self._crew.processes:
                if process.alive and process.channel is not None:
                    selector.register(process.channel, selectors.EVENT_READ)
                    selector.register(process.pidfd, selectors.EVENT_READ)
            selector.select(timeout_s)
        stop.clear_wake()

    def _next_wake_s(self) -> float:
        now = time.monotonic()
        due = [p.restart_at_s - now for p in self._crew.processes if p.restart_at_s is not None]
        if (idle_s := self._end_of_work.due_s(now)) is not None:
            due.append(idle_s)
        return max(0.0, min([TICK_S, *due]))

    def _care(self) -> None:
        self._crew.care()
        self._detectors.swaps.tend(self._crew.away_s)
        self._view()

    def _serve_sources(self) -> None:
        """Tell ingest which sources came and went. It is started for the first source, and again for one that comes after its end.
        If it is about to be restarted, it begins with the sources that there are then."""
        self._workers.tell_traits()
        ingest = self._ingest.process
        if ingest is not None and ingest.channel is not None:
            self._roster.untold.tell(ingest.channel.send)
        elif self._roster.untold.wants_ingest and (ingest is None or ingest.restart_at_s is None):
            self._crew.try_start(self._ingest, self._ingest.wanted())
        else:
            self._roster.untold.tell(lambda _change: False)

    # ---- ends

    def _drain(self, stop: StopSignal) -> bool:
        """Drain ingest, then workers, then detectors, all within one deadline; a second request ends the drain at once. Processes
        whose turn has not come are still restarted, so that a drain survives a dying detector. Time in which all
        of us were frozen does not count. True when nothing was left in flight."""
        drain_s = self._options.drain_s if stop.drain_s is None else stop.drain_s
        running = Deadline.after(drain_s + DRAIN_GRACE_S).later(-self._crew.away_s)
        for role in self._roles:
            self._crew.drain(role)
            while any(process.alive for process in role.processes):
                deadline = running.later(self._crew.away_s)
                if deadline.expired or stop.at_once:
                    return False
                self._wait(stop, min(0.5, deadline.remaining_s))
                self._care()
        return not self._crew.left_behind

    def _end_all(self) -> None:
        self._crew.end()
        for ring in self._resources.rings:
            ring.close()
        self._view()

    # ---- figures

    def _report(self) -> None:
        if self._on_status is not None:
            self._on_status(self.status())

    def status(self) -> Status:
        status = self._crew.status()
        if self._progress is not None and not status.stalled:
            status = replace(status, stalled=self._progress.stalled)
        return status

    def _view(self) -> None:
        self.view = (self.status(), tuple(map(status_of, self._crew.processes)))
        self._rate.note(time.monotonic(), self.view[0].events)

    def _summary(self, drained: bool, waiting: int) -> Summary:
        errors = {stream: status.error for stream, status in self._roster.statuses().items() if status.error}
        return Summary(
            status=self.status(),
            incidents=self._crew.incidents,
            source_errors=errors,
            drained=drained,
            waiting=waiting,
        )
