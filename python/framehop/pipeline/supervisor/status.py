"""The counters of a run, summed from the beats of all its processes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from framehop.pipeline.object_counts import ByStream, summed
from framehop.pipeline.processes.messages import Beat
from framehop.pipeline.supervisor.incarnations import Incident, Process
from framehop.protocols import NO_BACKLOG, Backlog

WORTH_SAYING_S = 5.0  # a start that takes as long as most needs no explanation
_COUNTERS = ("frames_read", "events", "detected", "skipped", "failed", "resent", "appended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The pipeline as a whole, from the latest beats. Counters count from the start of its supervisor. `in_flight`: frames between
    poll and commit now. `stalled`: why nothing can be written at the moment, else empty. `behind_s`: how old the frames are that
    workers begin with, of streams in which nothing is skipped for being late. `spooled`: what waits in ingest's spool. `found`: by
    stream, in how many frames there was an object; beyond 64 streams the others are counted together, under an empty name."""

    frames_read: int = 0
    events: int = 0
    detected: int = 0
    skipped: int = 0
    failed: int = 0
    in_flight: int = 0
    resent: int = 0
    appended: int = 0
    restarts: int = 0
    stalled: str = ""
    behind_s: float = 0.0
    spooled: Backlog = NO_BACKLOG
    found: ByStream = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """One process of the pipeline. `pid`: None while it does not run. `starts`: how often it was started. `in_flight`: frames
    between poll and commit. `starting_s`: for how long it has been starting, 0 once it is ready; a detector loads and tries its
    model. `start_s`: how long that may take."""

    name: str
    pid: int | None
    ready: bool
    starts: int
    in_flight: int
    starting_s: float = 0.0
    start_s: float = 0.0


def status_of(process: Process) -> ProcessStatus:
    starting = process.alive and not process.ready
    return ProcessStatus(
        name=process.name,
        pid=process.popen.pid if process.popen else None,
        ready=process.ready and process.alive,
        starts=process.incarnation,
        in_flight=process.beat.in_flight,
        starting_s=round(time.monotonic() - process.started_s, 1) if starting else 0.0,
        start_s=process.start_s,
    )


def starting(process: ProcessStatus) -> str:
    """Say of a process that is not ready how long it has been starting, and how long it may, once that is worth a word."""
    if process.starting_s < WORTH_SAYING_S:
        return "starting"
    return f"starting for {process.starting_s:.0f} s of at most {process.start_s:.0f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The result of a run. `source_errors`: by stream. `drained`: nothing was left in flight. `waiting`: how many frames of the log
    wait for the next start of one that was stopped; 0 where the log did not say."""

    status: Status
    incidents: list[Incident] = field(default_factory=list)
    source_errors: dict[str, str] = field(default_factory=dict)
    drained: bool = True
    waiting: int = 0


class Counters:
    """Adds up all incarnations of all processes. Used by the supervisor's thread alone."""

    def __init__(self) -> None:
        self._past = Beat()
        self.restarts = 0

    def bury(self, beat: Beat) -> None:
        """Add the counts of an incarnation that has ended."""
        self._past = _total([self._past, beat])

    def status(self, processes: Iterable[Process]) -> Status:
        beats = [process.beat for process in processes]
        total = _total([self._past, *beats])
        return Status(
            frames_read=total.frames_read,
            events=total.events,
            detected=total.detected,
            skipped=total.skipped,
            failed=total.failed,
            in_flight=sum(beat.in_flight for beat in beats),
            resent=total.resent,
            appended=total.appended,
            restarts=self.restarts,
            stalled=next((beat.stalled for beat in beats if beat.stalled), ""),
            behind_s=max((beat.behind_s for beat in beats), default=0.0),
            spooled=Backlog(
                frames=sum(beat.spooled_frames for beat in beats), bytes=sum(beat.spooled_bytes for beat in beats)
            ),
            found=total.found,
        )


def _total(beats: list[Beat]) -> Beat:
    counters = {name: sum(getattr(beat, name) for beat in beats) for name in _COUNTERS}
    return Beat(**counters, found=summed(beat.found for beat in beats))
