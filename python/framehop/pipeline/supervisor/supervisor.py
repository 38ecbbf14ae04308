"""The supervisor: creates the rings, starts, watches and restarts the processes, takes back what the dead held, and drains all."""

from __future__ import annotations

import logging
import os
import selectors
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from framehop import _core
from framehop.config import DetectOptions, FailPoint, usable_cores
from framehop.errors import ProcessError
from framehop.inference import Model
from framehop.inference.engine import load_model
from framehop.inference.postprocess import Wanted
from framehop.log import LogAt
from framehop.pipeline.control import (
    Beat,
    DetectorAt,
    DetectorSettings,
    Failed,
    Finished,
    IngestSettings,
    ModelFacts,
    News,
    Ready,
    Settings,
    Stumbled,
    WorkerSettings,
)
from framehop.pipeline.control_plane import Publication
from framehop.pipeline.stop import StopSignal
from framehop.pipeline.supervisor.crash_suspects import CrashSuspects
from framehop.pipeline.supervisor.group_progress import GroupProgress
from framehop.pipeline.supervisor.incarnations import Incident, Process
from framehop.pipeline.supervisor.reporter import Rate, Reporter
from framehop.pipeline.supervisor.roster import Roster
from framehop.pipeline.supervisor.runtime_dir import RuntimeDir
from framehop.pipeline.supervisor.status import Counters, ProcessStatus, Status, Summary, status_of
from framehop.protocols import FrameLog
from framehop.ring import check_memory, plan_ring
from framehop.timing import Deadline, now_us
from framehop.types import Partition

logger = logging.getLogger(__name__)

TICK_S = 1.0
DRAIN_GRACE_S = 1.5  # beyond the workers' own deadline, for closing what they hold


class Supervisor:
    """Runs a pipeline on this host until it is asked to stop, nothing came for `until_idle_s`, or, with `ends_with_sources`, the
    sources of `roster` are done and every frame of theirs has its event.

    Use `run` once, from one thread. The constructor starts nothing; it raises OutOfMemoryError when the rings do not fit,
    InvalidArgumentError when there can be none of that size, ModelError and ConfigError as found. `run` raises LogError as found,
    ProcessError when a process cannot be kept running.
    """

    def __init__(
        self,
        log: LogAt,
        options: DetectOptions,
        *,
        roster: Roster,
        ends_with_sources: bool = False,
        until_idle_s: float | None = None,
        fail_at: FailPoint | None = None,
        on_status: Callable[[Status], None] | None = None,
    ) -> None:
        self._log = log
        self._options = options
        self._roster = roster
        self._ends_with_sources = ends_with_sources
        self._until_idle_s = until_idle_s
        self._fail_at = fail_at
        self._on_status = on_status
        check_memory(plan_ring(options.slots, options.slot_bytes, options.tap_quota), options.workers)
        self._model: Model = load_model(options.model)
        Wanted.of(self._model.labels, options.conf, options.classes)  # refused now, not by the detector
        self._detector = Process("detector", 0)
        self._workers = [Process("worker", index) for index in range(options.workers)]
        self._ingest: Process | None = None  # there is one once there was a source
        self._rings: list[_core.RingHost] = []
        self._names: list[str] = []  # of the workers, in the log's group
        self._sockets = Path()  # the runtime directory, while there is one
        self._suspects = CrashSuspects()
        self._counters = Counters()
        self._rate = Rate()
        self._incidents: list[Incident] = []
        self._detector_at: DetectorAt | None = None
        self._progress: GroupProgress | None = None
        self._busy_s = 0.0
        self._ends: dict[Partition, int] = {}
        self._left_behind = False

        # As of the last look, and replaced as a whole: for any thread.
        self.view: tuple[Status, tuple[ProcessStatus, ...]] = (self.status(), ())

    # ---- the whole run

    def run(self, stop: StopSignal) -> Summary:
        with self._log.open(create=False) as log, RuntimeDir() as runtime:
            try:
                self._names = log.members(self._options.group, self._options.workers)
                self._make_rings(runtime.path)
                self._start_all()
                with self._reporter(runtime.path, log, stop):
                    with GroupProgress(log, self._options.group) as self._progress:
                        self._loop(self._progress, stop)
                    drained = self._drain(stop)
            finally:
                self._end_all()
        return self._summary(drained)

    def _reporter(self, directory: Path, log: FrameLog, stop: StopSignal) -> Reporter:
        """The pipeline can be found and asked from here on."""
        return Reporter(
            directory,
            Publication(
                pid=os.getpid(),
                started_us=now_us(),
                log=self._log.url,
                lane=self._options.lane,
                version=_core.__version__,
            ),
            view=lambda: self.view,
            model=lambda: self._detector_at.model if self._detector_at else None,
            stopping=lambda: stop.requested,
            roster=self._roster,
            rings=self._rings,
            members=self._names,
            rate=self._rate,
            lag=lambda: log.lag(self._options.group),
        )

    def _make_rings(self, sockets: Path) -> None:
        options = self._options
        self._sockets = sockets
        for worker in self._workers:
            path = str(sockets / f"ring-{worker.index}.sock")
            self._rings.append(
                _core.RingHost(path, slots=options.slots, slot_bytes=options.slot_bytes, tap_quota=options.tap_quota)
            )

    def _start_all(self) -> None:
        for process in self._processes():
            self._start(process)
        self._serve_sources()

    def _processes(self) -> list[Process]:
        return [self._detector, *self._workers, *([self._ingest] if self._ingest else [])]

    def _loop(self, progress: GroupProgress, stop: StopSignal) -> None:
        self._busy_s = time.monotonic()
        while not stop.requested and not self._finished(progress):
            self._wait(stop, self._next_wake_s(), progress)
            self._care()
            self._serve_sources()

    def _wait(self, stop: StopSignal, timeout_s: float, progress: GroupProgress | None = None) -> None:
        """Until a process says something or ends, a look at the log is done, a stop is requested, or the time is up."""
        with selectors.DefaultSelector() as selector:
            selector.register(stop, selectors.EVENT_READ)
            if progress is not None:
                selector.register(progress, selectors.EVENT_READ)
                selector.register(self._roster, selectors.EVENT_READ)
            for process in self._processes():
                if process.alive and process.channel is not None:
                    selector.register(process.channel, selectors.EVENT_READ)
                    selector.register(process.pidfd, selectors.EVENT_READ)
            selector.select(timeout_s)
        stop.clear_wake()

    def _next_wake_s(self) -> float:
        now = time.monotonic()
        due = [p.restart_at_s - now for p in self._processes() if p.restart_at_s is not None]
        if self._until_idle_s is not None:
            due.append(max(0.01, self._busy_s + self._until_idle_s - now))
        return max(0.0, min([TICK_S, *due]))

    def _care(self) -> None:
        """Hear everyone, collect the dead, kill the hung, start what is due. What is draining is not started again."""
        for process in self._processes():
            self._hear(process)
            self._bury(process)
            process.kill_if_hung()
            if process.restart_at_s is not None and time.monotonic() >= process.restart_at_s:
                self._counters.restarts += 1
                self._start(process)
        self._view()

    def _serve_sources(self) -> None:
        """Tell ingest what has come and gone. It is started for the first source, and again for one that comes after its end; one
        that is about to be restarted begins with what there is then."""
        ingest = self._ingest
        if ingest is not None and ingest.channel is not None:
            self._roster.tell(ingest.channel.send)
        elif self._roster.wants_ingest and (ingest is None or ingest.restart_at_s is None):
            self._ingest = ingest or Process("ingest", 0)
            self._start(self._ingest)
        else:
            self._roster.tell(lambda _change: False)

    # ---- one process

    def _start(self, process: Process) -> None:
        process.events_at_start = self.status().events
        process.start(self._settings(process), self._fail_point(process))

    def _settings(self, process: Process) -> Settings:
        match process.role:
            case "ingest":
                return IngestSettings(log=self._log, sources=self._roster.begin(), stays=not self._ends_with_sources)
            case "detector":
                self._detector_at = None
                return DetectorSettings(
                    address=self._hop_address(process.incarnation + 1),
                    ring_dir=str(self._sockets),
                    options=self._options,
                )
            case "worker":
                return self._worker_settings(process)

    def _hop_address(self, incarnation: int) -> str:
        """One for each detector: no descriptor meant for a dead one ever waits in its successor's queue."""
        return f"ipc://{self._sockets}/hop-{incarnation}.sock"

    def _worker_settings(self, process: Process) -> WorkerSettings:
        options, ring = self._options, self._rings[process.index]
        min_width, min_height = self._model.min_decode_size
        return WorkerSettings(
            log=self._log,
            name=self._names[process.index],
            group=options.group,
            lane=options.lane,
            start=options.start,
            ring_path=ring.path,
            min_width=min_width,
            min_height=min_height,
            decode_threads=options.decode_threads or max(1, usable_cores() // options.workers),
            max_pixels=options.max_pixels,
            max_attempts=options.max_attempts,
            labels=self._model.sidecar.labels,
            suspects=self._suspects.listed(),
            drain_s=options.drain_s,
        )

    def _fail_point(self, process: Process) -> FailPoint | None:
        owner = {"ingest": "ingest", "infer": "detector"}
        point = self._fail_at
        if point is None or process.index != 0 or owner.get(point.name.split(".")[0], "worker") != process.role:
            return None
        return point

    def _hear(self, process: Process) -> None:
        for message in process.receive():
            match message:
                case Ready(model):
                    process.ready = process.proven = True
                    self._introduce(process, model)
                case Beat():
                    process.beat = message
                    self._report()
                case News(sources):
                    for news in sources:
                        self._roster.note(news)
                case Finished():
                    process.finished = message
                case Stumbled(key):
                    self._suspects.add(key)
                case Failed(text, final):
                    if final or not process.proven:
                        raise ProcessError(text)
                    logger.error("%s: %s", process.name, text)
                case _:
                    raise ProcessError(f"{process.name} sent an unexpected {type(message).__name__}")

    def _introduce(self, process: Process, model: ModelFacts | None) -> None:
        """Tell workers where the detector answers: all of them about a new detector, a new worker about the one there is."""
        if process is self._detector and model is not None:
            self._detector_at = DetectorAt(self._hop_address(process.incarnation), model)
            for worker in self._workers:
                if worker.ready and worker.channel is not None:
                    worker.channel.send(self._detector_at)
        elif process.role == "worker" and self._detector_at is not None and process.channel is not None:
            process.channel.send(self._detector_at)

    def _bury(self, process: Process) -> None:
        if process.popen is None or process.popen.poll() is None:
            return
        self._hear(process)
        incident = process.reap(self._in_flight(process), progressed=self.status().events > process.events_at_start)
        # One that died while draining may have taken up more than its last beat said.
        unfinished = incident is not None or process.beat.in_flight > 0
        self._left_behind = self._left_behind or (process.draining and unfinished)
        self._counters.bury(process.beat)
        process.beat = Beat()
        if incident is not None:
            logger.warning("%s ended by %s", process.name, incident.signal or f"status {incident.exit_code}")
            self._incidents.append(incident)
            if process.role == "worker":
                self._suspects.note(self._rings[process.index].slots())

    def _in_flight(self, process: Process) -> int:
        """Frames the dead process had: slots of its ring, or of everyone's for the detector."""
        if process.role == "ingest":
            return 0
        rings = self._rings if process is self._detector else [self._rings[process.index]]
        return sum(slot.state != "free" for ring in rings for slot in ring.slots())

    # ---- ends

    def _finished(self, progress: GroupProgress) -> bool:
        """Finite sources are in and everything in the log is committed, or nothing came for long enough after it was. Asks for a
        look at the log, or judges by the one that was asked for before."""
        if not self._ends_with_sources and self._until_idle_s is None:
            return False
        look = progress.take()
        if look is None:
            progress.ask(quiet=self._quiet())
            return False
        if self._until_idle_s is None:
            return look.quiet and look.caught_up
        if look.ends != self._ends or not (look.quiet and look.caught_up):
            self._busy_s, self._ends = time.monotonic(), look.ends
        return look.asked_s >= self._busy_s + self._until_idle_s

    def _quiet(self) -> bool:
        """Every worker is up with nothing in flight, and finite sources are at their end."""
        if self._ends_with_sources and not self._ingest_is_over():
            return False
        return all(worker.ready and not worker.beat.in_flight for worker in self._workers)

    def _ingest_is_over(self) -> bool:
        if self._ingest is None:
            return self._roster.empty
        return self._ingest.finished is not None and not self._ingest.alive and not self._roster.wants_ingest

    def _drain(self, stop: StopSignal) -> bool:
        """Ingest first, then workers, then the detector, all within one deadline; a second request ends it at once. Those whose
        turn has not come go on being restarted, so that a drain survives a dying detector. True when nothing was left in flight."""
        drain_s = self._options.drain_s if stop.drain_s is None else stop.drain_s
        deadline = Deadline.after(drain_s + DRAIN_GRACE_S)
        for group in ([self._ingest] if self._ingest else [], self._workers, [self._detector]):
            for process in group:
                # Ended a moment ago, and not to be started again: what it had is left to the next start.
                ended = not (process.alive or process.finished or process is self._detector)
                self._left_behind = self._left_behind or ended
                process.drain()
            while any(process.alive for process in group):
                if deadline.expired or stop.at_once:
                    return False
                self._wait(stop, min(0.5, deadline.remaining_s))
                self._care()
        return not self._left_behind

    def _end_all(self) -> None:
        for process in self._processes():
            process.end()
        for ring in self._rings:
            ring.close()
        self._view()

    # ---- figures

    def _report(self) -> None:
        if self._on_status is not None:
            self._on_status(self.status())

    def status(self) -> Status:
        status = self._counters.status(self._processes())
        if self._progress is not None and not status.stalled:
            status = replace(status, stalled=self._progress.stalled)
        return status

    def _view(self) -> None:
        self.view = (self.status(), tuple(map(status_of, self._processes())))
        self._rate.note(time.monotonic(), self.view[0].events)

    def _summary(self, drained: bool) -> Summary:
        errors = {stream: status.error for stream, status in self._roster.statuses().items() if status.error}
        return Summary(status=self.status(), incidents=self._incidents, source_errors=errors, drained=drained)
