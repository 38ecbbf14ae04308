"""The kinds of processes of a pipeline, and what is particular to each. How any process is kept running is in `incarnations.py`.

A new kind needs a class here, its settings in `control.py`, and a module with its `body`. A pipeline drains its roles in the order
in which it lists them, and starts them in the reverse order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from framehop import _core
from framehop.budgets import ENGINE_S, START_S
from framehop.config import DetectOptions, usable_cores
from framehop.inference import Model
from framehop.log import LogAt
from framehop.pipeline.control import (
    DetectorAt,
    DetectorSettings,
    IngestSettings,
    ModelFacts,
    Settings,
    WorkerSettings,
)
from framehop.pipeline.supervisor.crash_suspects import CrashSuspects
from framehop.pipeline.supervisor.incarnations import Process
from framehop.pipeline.supervisor.roster import Roster


@dataclass(slots=True)
class Resources:
    """The things that the processes of a run share; filled when it begins. `sockets`: the runtime directory. `members`: the
    workers' names in the log's group. `rings`: one per worker."""

    sockets: Path = Path()
    members: list[str] = field(default_factory=list)
    rings: list[_core.RingHost] = field(default_factory=list)


def _slots_used(rings: Iterable[_core.RingHost]) -> int:
    """Return the number of slots that hold a frame between poll and commit."""
    return sum(slot.state != "free" for ring in rings for slot in ring.slots())


class Role(Protocol):
    """One kind of process. Used by the supervisor's thread alone.

    `fail_points`: the points of `config.FAIL_POINTS` at which a test has a process of this kind killed. `processes`: all processes
    of this kind that should run now.
    """

    fail_points: ClassVar[frozenset[str]]
    processes: list[Process]

    def settings(self, process: Process) -> Settings:
        """Return the settings of its next incarnation."""

    def introduce(self, process: Process, model: ModelFacts | None) -> None:
        """Tell the other processes about one that is ready, and it about them."""

    def held(self, process: Process) -> int:
        """Return how many frames it had between poll and commit when it died."""

    def died(self, process: Process) -> None:
        """Note what the unexpected end of a process says about the frames that it had."""


class IngestRole:
    """The ingest process: one, made for the first source."""

    fail_points: ClassVar[frozenset[str]] = frozenset({"ingest.appended"})

    def __init__(self, log: LogAt, roster: Roster, *, stays: bool) -> None:
        self._log, self._roster, self._stays = log, roster, stays
        self.processes: list[Process] = []

    @property
    def process(self) -> Process | None:
        return self.processes[0] if self.processes else None

    def wanted(self) -> Process:
        """Return the process, and make it if there is none."""
        if not self.processes:
            self.processes.append(Process("ingest", "framehop.pipeline.ingest.process", 0))
        return self.processes[0]

    def settings(self, process: Process) -> Settings:
        return IngestSettings(log=self._log, sources=self._roster.begin(), stays=self._stays)

    def introduce(self, process: Process, model: ModelFacts | None) -> None:
        """Do nothing: no other process needs to know of ingest."""

    def held(self, process: Process) -> int:
        return 0

    def died(self, process: Process) -> None:
        """Do nothing: its sources go on after the last frame in the log."""


class WorkerRole:
    """The workers: members of the log's group, each with a ring. One detector serves each; workers are dealt to them in turn."""

    fail_points: ClassVar[frozenset[str]] = frozenset(
        {"decode.mid", "decode.done", "hop.sent", "event.produced", "offsets.stored"}
    )

    def __init__(self, log: LogAt, options: DetectOptions, model: Model, resources: Resources) -> None:
        self._log, self._options, self._model, self._resources = log, options, model, resources
        self.suspects = CrashSuspects()
        self._detectors: dict[int, DetectorAt] = {}
        self.processes = [
            Process("worker", "framehop.pipeline.worker.worker", index) for index in range(options.workers)
        ]

    def settings(self, process: Process) -> Settings:
        options = self._options
        min_width, min_height = self._model.min_decode_size
        return WorkerSettings(
            log=self._log,
            name=self._resources.members[process.index],
            group=options.group,
            lane=options.lane,
            start=options.start,
            ring_path=self._resources.rings[process.index].path,
            min_width=min_width,
            min_height=min_height,
            decode_threads=options.decode_threads or max(1, usable_cores() // options.workers),
            max_pixels=options.max_pixels,
            max_attempts=options.max_attempts,
            labels=dict(self._model.labels),
            suspects=self.suspects.listed(),
            drain_s=options.drain_s,
        )

    def serves(self, detector: int, at: DetectorAt | None) -> None:
        """Tell a detector's workers that it answers at `at`. None: it answers no more, and its workers wait for the next."""
        if at is None:
            self._detectors.pop(detector, None)
            return
        self._detectors[detector] = at
        for worker in self.processes:
            if worker.ready and self._detector_of(worker) == detector and worker.channel is not None:
                worker.channel.send(at)

    def _detector_of(self, worker: Process) -> int:
        return worker.index % len(self._options.devices)

    @property
    def model(self) -> ModelFacts | None:
        """The model that runs now, as the first detector reports it."""
        return next((at.model for at in self._detectors.values()), None)

    def introduce(self, process: Process, model: ModelFacts | None) -> None:
        at = self._detectors.get(self._detector_of(process))
        if at is not None and process.channel is not None:
            process.channel.send(at)

    def held(self, process: Process) -> int:
        return _slots_used([self._resources.rings[process.index]])

    def died(self, process: Process) -> None:
        self.suspects.note(self._resources.rings[process.index].slots())


class DetectorRole:
    """The detectors: one process per device, each with an engine of its own."""

    fail_points: ClassVar[frozenset[str]] = frozenset({"infer.mid"})

    def __init__(
        self, options: DetectOptions, resources: Resources, serves: Callable[[int, DetectorAt | None], None]
    ) -> None:
        """`serves`: called when a detector answers, with its address, and when it answers no more, with None."""
        self._options, self._resources, self._serves = options, resources, serves
        start_s = ENGINE_S if options.provider == "tensorrt" else START_S
        self.processes = [
            Process("detector", "framehop.pipeline.detector.detector", index, start_s)
            for index in range(len(options.devices))
        ]

    def settings(self, process: Process) -> Settings:
        self._serves(process.index, None)
        return DetectorSettings(
            address=self._address(process, process.incarnation + 1),
            ring_dir=str(self._resources.sockets),
            options=self._options,
            device=self._options.devices[process.index],
        )

    def _address(self, process: Process, incarnation: int) -> str:
        """Return an incarnation's own address, so that no descriptor for a dead one ever waits in its successor's queue."""
        return f"ipc://{self._resources.sockets}/hop-{process.index}-{incarnation}.sock"

    def introduce(self, process: Process, model: ModelFacts | None) -> None:
        if model is not None:
            self._serves(process.index, DetectorAt(self._address(process, process.incarnation), model))

    def held(self, process: Process) -> int:
        return _slots_used(self._resources.rings[process.index :: len(self._options.devices)])  # of its own workers

    def died(self, process: Process) -> None:
        """Do nothing: the slots still hold its pictures."""
