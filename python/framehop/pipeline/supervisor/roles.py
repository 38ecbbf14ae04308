"""The kinds of processes of a pipeline, and what is particular to each. How any process is kept running is in `incarnations.py`.

A new kind needs a class here, its settings in `processes/settings.py`, and a module with its `body`. A pipeline drains its roles
in the order in which it lists them, and starts them in the reverse order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import ClassVar

from framehop import _core
from framehop.budgets import ENGINE_S, LOAD_S
from framehop.config.detect_options import DetectOptions
from framehop.config.environment import usable_cores, with_huge_pages
from framehop.inference import load_model
from framehop.log import LogAt
from framehop.pipeline.processes.facts import ModelFacts, read_facts, remove_facts
from framehop.pipeline.processes.messages import DetectorAt, Message, Stumbled, SwapFailed, SwapLoaded, Swapped
from framehop.pipeline.processes.settings import DetectorSettings, IngestSettings, Settings, WorkerSettings
from framehop.pipeline.processes.source_messages import News, SourceTraits
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.supervisor.crash_suspects import CrashSuspects
from framehop.pipeline.supervisor.incarnations import Process
from framehop.pipeline.supervisor.model_files import ModelFiles
from framehop.pipeline.supervisor.model_swaps import ModelSwaps
from framehop.pipeline.supervisor.role import Resources, unexpected_from
from framehop.types import ModelInfo


def _slots_used(rings: Iterable[_core.RingHost]) -> int:
    """Return the number of slots that hold a frame between poll and commit."""
    return sum(slot.state != "free" for ring in rings for slot in ring.slots())


class IngestRole:
    """The ingest process: one, made for the first source."""

    fail_points: ClassVar[frozenset[str]] = frozenset({"ingest.appended"})
    leaves_frames: ClassVar[bool] = True

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
        return IngestSettings(log=self._log, sources=self._roster.untold.begin(), stays=self._stays)

    def introduce(self, process: Process, model: int) -> None:
        """Do nothing: no other process needs to know of ingest."""

    def hear(self, process: Process, message: Message) -> None:
        if not isinstance(message, News):
            raise unexpected_from(process, message)
        for news in message.sources:
            self._roster.note(news)

    def held(self, process: Process) -> int:
        return 0

    def ended(self, process: Process) -> None:
        self._roster.untold.tell_again()

    def died(self, process: Process) -> None:
        """Do nothing: its sources go on after the last frame in the log."""


class WorkerRole:
    """The workers: members of the log's group, each with a ring. One detector serves each; workers are dealt to them in turn."""

    fail_points: ClassVar[frozenset[str]] = frozenset(
        {"decode.mid", "decode.done", "hop.sent", "event.produced", "offsets.stored"}
    )
    leaves_frames: ClassVar[bool] = True

    def __init__(
        self,
        log: LogAt,
        options: DetectOptions,
        resources: Resources,
        traits: Callable[[], Iterable[SourceTraits]] = tuple,
    ) -> None:
        """`traits`: returns what workers have to know of the sources that this pipeline has now."""
        self._log, self._options, self._resources, self._traits = log, options, resources, traits
        self._told: dict[int, dict[str, SourceTraits]] = {}
        self.suspects = CrashSuspects()
        self._detectors: dict[int, DetectorAt] = {}
        self.processes = [
            Process("worker", "framehop.pipeline.worker.worker", index) for index in range(options.workers)
        ]

    def settings(self, process: Process) -> Settings:
        options = self._options
        told = self._told[process.index] = {traits.stream: traits for traits in self._traits()}
        return WorkerSettings(
            log=self._log,
            name=self._resources.members[process.index],
            group=options.group,
            lane=options.lane,
            start=options.start,
            ring_path=self._resources.rings[process.index].path,
            decode_threads=options.decode_threads or max(1, usable_cores() // options.workers),
            max_pixels=options.max_pixels,
            video_bytes=self._resources.video_bytes,
            max_attempts=options.max_attempts,
            regions=options.regions,
            min_size_px=options.min_size_px,
            suspects=self.suspects.listed(),
            drain_s=options.drain_s,
            sample=options.sample,
            policies=options.policies,
            track=options.track,
            traits=list(told.values()),
            when=options.when,
            motion=options.motion,
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

    def tell_traits(self) -> None:
        """Tell the workers of sources that have come, or are judged in another way, since they began. What is gone they keep, as
        its frames may still be in the log."""
        known = list(self._traits())
        for worker in self.processes:
            told = self._told.setdefault(worker.index, {})
            if worker.ready and worker.channel is not None:
                new = [traits for traits in known if told.get(traits.stream) != traits]
                told |= {traits.stream: traits for traits in new if worker.channel.send(traits)}

    def _detector_of(self, worker: Process) -> int:
        return worker.index % len(self._options.devices)

    def introduce(self, process: Process, model: int) -> None:
        at = self._detectors.get(self._detector_of(process))
        if at is not None and process.channel is not None:
            process.channel.send(at)

    def hear(self, process: Process, message: Message) -> None:
        if not isinstance(message, Stumbled):
            raise unexpected_from(process, message)
        self.suspects.add(message.key)

    def held(self, process: Process) -> int:
        return _slots_used([self._resources.rings[process.index]])

    def ended(self, process: Process) -> None:
        """Do nothing: its ring and its frames are its successor's."""

    def died(self, process: Process) -> None:
        self.suspects.note(self._resources.rings[process.index].slots())


class DetectorRole:
    """The detectors: one process per device, each with an engine of its own, all with the same model."""

    fail_points: ClassVar[frozenset[str]] = frozenset({"infer.mid", "swap.load", "swap.switched"})
    leaves_frames: ClassVar[bool] = False  # its workers hold them, and send them again

    def __init__(
        self, options: DetectOptions, resources: Resources, serves: Callable[[int, DetectorAt | None], None]
    ) -> None:
        """`serves`: called when a detector answers, with its address, and when it answers no more, with None."""
        self._options, self._resources, self._serves = options, resources, serves
        self._facts: dict[int, ModelFacts] = {}
        self._files = ModelFiles()
        start_s = ENGINE_S if options.provider == "tensorrt" else LOAD_S
        self.processes = [
            Process("detector", "framehop.pipeline.detector.detector", index, start_s, with_huge_pages)
            for index in range(len(options.devices))
        ]
        self.swaps = ModelSwaps(options.model, self.processes, load_model)

    def settings(self, process: Process) -> Settings:
        self._forget(process)
        incarnation = process.incarnation + 1
        return DetectorSettings(
            address=self._address(process, incarnation),
            facts=self._stem(process, incarnation),
            ring_dir=str(self._resources.sockets),
            options=replace(self._options, model=self.swaps.model),
            device=self._options.devices[process.index],
        )

    def _address(self, process: Process, incarnation: int) -> str:
        """Return an incarnation's own address, so that no descriptor for a dead one ever waits in its successor's queue."""
        scheme = "shm" if self._options.hop == "shm" else "ipc"
        return f"{scheme}://{self._resources.sockets}/hop-{process.index}-{incarnation}.sock"

    def _stem(self, process: Process, incarnation: int) -> str:
        return f"{self._resources.sockets}/model-{process.index}-{incarnation}"

    def _forget(self, process: Process) -> None:
        """Forget what an incarnation that ended has said. Its files stay for one more, as workers may still have replies of it."""
        self._serves(process.index, None)
        self._facts = {index: facts for index, facts in self._facts.items() if index != process.index}
        remove_facts(self._stem(process, process.incarnation - 1))

    def introduce(self, process: Process, model: int) -> None:
        stem = self._stem(process, process.incarnation)
        facts = read_facts(stem, model)
        self._files.note(process.name, self.swaps.model, facts)
        self._facts = {**self._facts, process.index: facts}
        self._serves(process.index, DetectorAt(self._address(process, process.incarnation), stem, model))
        self.swaps.runs(process, model)

    def hear(self, process: Process, message: Message) -> None:
        match message:
            case Swapped(number):
                self.introduce(process, number)
            case SwapLoaded() | SwapFailed():
                self.swaps.hear(process, message)
            case _:
                raise unexpected_from(process, message)

    @property
    def models(self) -> dict[str, ModelInfo]:
        """The model that each detector runs now, by the process's name. Any thread may read it."""
        return {self.processes[index].name: facts.model for index, facts in sorted(self._facts.items())}

    def held(self, process: Process) -> int:
        return _slots_used(self._resources.rings[process.index :: len(self._options.devices)])  # of its own workers

    def ended(self, process: Process) -> None:
        """Do nothing: its workers go on with its successor."""

    def died(self, process: Process) -> None:
        self.swaps.died(process)
