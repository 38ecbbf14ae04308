"""The kinds of processes: what each is started with, and who hears of whom."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from framehop import _core
from framehop.budgets import ENGINE_S, LOAD_S
from framehop.config.detect_options import DetectOptions
from framehop.config.environment import FAIL_POINTS
from framehop.errors import ConfigError, ProcessError
from framehop.inference import Provider
from framehop.log import LogAt
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.facts import ModelFacts, write_facts
from framehop.pipeline.processes.messages import DetectorAt, Message, Stumbled, Swapped
from framehop.pipeline.processes.settings import Begin, DetectorSettings, WorkerSettings
from framehop.pipeline.processes.source_messages import News, SourceNews, SourceOrder, SourceTraits
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.supervisor.role import Resources, Role
from framehop.pipeline.supervisor.roles import DetectorRole, IngestRole, WorkerRole
from framehop.policies import Policy
from framehop.regions import Regions
from framehop.types import FrameKey, ModelInfo, Need

MODEL = ModelInfo(name="m", version="1", sha256="0", provider="cpu")
FACTS = ModelFacts(number=1, model=MODEL, labels={}, need=Need())


class Ear:
    """Stands in for a channel: keeps what was said."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    def send(self, message: Message) -> bool:
        self.heard.append(message)
        return True


def roles(
    sockets: Path,
    *,
    workers: int,
    devices: tuple[int, ...],
    provider: Provider = "auto",
    options: DetectOptions | None = None,
) -> tuple[WorkerRole, DetectorRole]:
    options = options or DetectOptions(workers=workers, devices=devices, provider=provider)
    rings = [SimpleNamespace(path=f"ring-{index}", slots=list) for index in range(workers)]
    resources = Resources(
        sockets=sockets,
        members=[f"m-{index}" for index in range(workers)],
        rings=cast("list[_core.RingHost]", rings),
    )
    worker = WorkerRole(LogAt(url="log"), options, resources)
    return worker, DetectorRole(options, resources, worker.serves)


def listening(role: WorkerRole, index: int) -> Ear:
    ear = Ear()
    role.processes[index].channel = cast(Channel, ear)
    role.processes[index].ready = True
    return ear


def test_every_fail_point_belongs_to_one_kind() -> None:
    kinds = (IngestRole, WorkerRole, DetectorRole)
    assert sorted(point for kind in kinds for point in kind.fail_points) == sorted(FAIL_POINTS)


def test_each_device_has_a_detector_and_each_worker_one_of_them(tmp_path: Path) -> None:
    worker, detector = roles(tmp_path, workers=3, devices=(2, 5))
    settings = [detector.settings(process) for process in detector.processes]
    assert [each.device for each in settings if isinstance(each, DetectorSettings)] == [2, 5]
    addresses = [each.address for each in settings if isinstance(each, DetectorSettings)]
    assert len(set(addresses)) == 2
    stems = [each.facts for each in settings if isinstance(each, DetectorSettings)]
    ears = [listening(worker, index) for index in range(3)]
    for process, stem in zip(detector.processes, stems, strict=True):
        process.incarnation += 1
        write_facts(stem, FACTS)
        detector.introduce(process, 1)
    first, second = (DetectorAt(address, stem, 1) for address, stem in zip(addresses, stems, strict=True))
    assert [ear.heard for ear in ears] == [[first], [second], [first]]
    assert detector.models == {"detector-0": MODEL, "detector-1": MODEL}


def test_a_worker_that_starts_late_hears_of_the_detector_there_is(tmp_path: Path) -> None:
    worker, detector = roles(tmp_path, workers=1, devices=(0,))
    [process] = detector.processes
    write_facts(str(tmp_path / "model-0-0"), FACTS)
    detector.introduce(process, 1)
    ear = listening(worker, 0)
    worker.introduce(worker.processes[0], 0)
    assert len(ear.heard) == 1
    detector.settings(process)  # it is started again: nobody is sent to the one before
    worker.introduce(worker.processes[0], 0)
    assert len(ear.heard) == 1
    assert detector.models == {}


def ingest_of(stream: str) -> tuple[Roster, IngestRole]:
    """One source that ingest has been told of."""
    roster = Roster()
    roster.add(SourceOrder(stream=stream, source="testsrc:", rate="max", loop=1, since_us=7))
    role = IngestRole(LogAt(url="log"), roster, stays=False)
    role.settings(role.wanted())
    return roster, role


def test_each_kind_hears_what_it_alone_sends(tmp_path: Path) -> None:
    worker, detector = roles(tmp_path, workers=1, devices=(0,))
    worker.hear(worker.processes[0], Stumbled(FrameKey("gate", 1, 2)))
    assert [suspect.key for suspect in worker.suspects.listed()] == [FrameKey("gate", 1, 2)]
    write_facts(str(tmp_path / "model-0-0"), FACTS)
    detector.hear(detector.processes[0], Swapped(1))
    assert detector.models == {"detector-0": MODEL}
    roster, ingest = ingest_of("gate")
    ingest.hear(ingest.wanted(), News([SourceNews("gate", 7, "running", appended=3)]))
    assert (roster.statuses()["gate"].phase, roster.statuses()["gate"].appended) == ("running", 3)


def test_a_message_of_another_kind_is_refused(tmp_path: Path) -> None:
    worker, detector = roles(tmp_path, workers=1, devices=(0,))
    _, ingest = ingest_of("gate")
    cases: list[tuple[Role, Message]] = [
        (worker, News([])),
        (worker, Swapped(1)),
        (detector, Stumbled(FrameKey("gate", 1, 2))),
        (ingest, Swapped(1)),
    ]
    for role, message in cases:
        process = role.processes[0]
        with pytest.raises(ProcessError, match=f"{process.name} sent an unexpected {type(message).__name__}"):
            role.hear(process, message)


def test_only_an_ingest_that_ended_is_told_again_of_what_it_has_not_begun(tmp_path: Path) -> None:
    worker, detector = roles(tmp_path, workers=1, devices=(0,))
    roster, ingest = ingest_of("gate")
    for role in (worker, detector):
        role.ended(role.processes[0])
    assert not roster.untold.wants_ingest
    ingest.ended(ingest.wanted())
    assert roster.untold.wants_ingest


def test_a_detector_that_is_dead_when_the_drain_begins_leaves_no_frames() -> None:
    assert [kind.leaves_frames for kind in (IngestRole, WorkerRole, DetectorRole)] == [True, True, False]


def test_what_a_detector_wrote_outlives_it_by_one_successor(tmp_path: Path) -> None:
    _, detector = roles(tmp_path, workers=1, devices=(0,))
    [process] = detector.processes
    for _ in range(4):
        settings = detector.settings(process)
        assert isinstance(settings, DetectorSettings)
        process.incarnation += 1
        write_facts(settings.facts, FACTS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model-0-3-1.json", "model-0-4-1.json"]


def test_a_worker_begins_with_its_own_ring_and_name(tmp_path: Path) -> None:
    worker, _ = roles(tmp_path, workers=2, devices=(0,))
    settings = worker.settings(worker.processes[1])
    assert isinstance(settings, WorkerSettings)
    assert (settings.name, settings.ring_path) == ("m-1", "ring-1")


def test_what_counts_reaches_the_processes_as_it_was_given(tmp_path: Path) -> None:
    """Both get it as JSON."""
    options = DetectOptions(
        class_conf={"person": 0.35},
        exclude=("tv",),
        min_size_px=8.0,
        regions={"gate-*": Regions(include=(((0, 0), (1, 0), (1, 1)),), anchor="any"), "*": Regions()},
        tiles="2x1,overlap=0.5",
    )
    worker, detector = roles(tmp_path, workers=1, devices=(0,), options=options)
    for role in (worker, detector):
        begin = Begin(role.settings(role.processes[0]))
        with begin.to_file() as file:
            assert Begin.from_bytes(file.read()) == begin
    settings = worker.settings(worker.processes[0])
    assert isinstance(settings, WorkerSettings)
    assert (list(settings.regions), settings.min_size_px) == (["gate-*", "*"], 8.0)


@pytest.mark.parametrize("devices", [(), (-1,), (0, -2)])
def test_devices_that_cannot_be_are_refused(devices: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="devices must be"):
        DetectOptions(devices=devices)


@pytest.mark.parametrize(("provider", "load_s"), [("auto", LOAD_S), ("tensorrt", ENGINE_S)])
def test_a_detector_may_load_for_long_without_a_sign_of_life(tmp_path: Path, provider: Provider, load_s: float) -> None:
    _, detectors = roles(tmp_path, workers=1, devices=(0,), provider=provider)
    [detector] = detectors.processes
    detector.started_s = detector.heard_s = 100.0
    assert detector.deadline_s() == 100.0 + load_s


def test_workers_hear_once_of_each_source_that_comes_or_is_judged_anew_after_their_start(tmp_path: Path) -> None:
    sources = {"gate": SourceTraits("gate", live=True), "film": SourceTraits("film")}
    resources = Resources(
        sockets=tmp_path,
        members=["m-0", "m-1"],
        rings=cast("list[_core.RingHost]", [SimpleNamespace(path=f"ring-{k}", slots=list) for k in range(2)]),
    )
    role = WorkerRole(LogAt(url="log"), DetectOptions(workers=2), resources, sources.values)
    begun = [role.settings(process) for process in role.processes]
    assert [each.traits for each in begun if isinstance(each, WorkerSettings)] == [[*sources.values()]] * 2
    ears = [listening(role, index) for index in range(2)]
    sources["yard"] = SourceTraits("yard", live=True)
    sources["gate"] = SourceTraits("gate", live=True, policy=Policy.parse("latest"))
    del sources["film"]
    role.tell_traits()
    role.tell_traits()
    assert [ear.heard for ear in ears] == [[sources["gate"], sources["yard"]]] * 2
    again = role.settings(role.processes[0])
    assert isinstance(again, WorkerSettings)
    assert again.traits == [sources["gate"], sources["yard"]]


def test_workers_hear_that_a_film_takes_the_place_of_a_camera(tmp_path: Path) -> None:
    """Else its frames would be skipped as too old."""
    sources = {"gate": SourceTraits("gate", live=True)}
    resources = Resources(
        sockets=tmp_path,
        members=["m-0"],
        rings=cast("list[_core.RingHost]", [SimpleNamespace(path="ring-0", slots=list)]),
    )
    role = WorkerRole(LogAt(url="log"), DetectOptions(workers=1), resources, sources.values)
    role.settings(role.processes[0])
    ear = listening(role, 0)
    camera = sources.pop("gate")
    role.tell_traits()
    assert ear.heard == [], "what is left of the camera in the log is still old"
    film = sources["gate"] = SourceTraits("gate")
    role.tell_traits()
    sources["gate"] = camera
    role.tell_traits()
    role.tell_traits()
    assert ear.heard == [film, camera]
