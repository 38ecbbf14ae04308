"""The kinds of processes: what each is started with, and who hears of whom."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from framehop import _core
from framehop.config import FAIL_POINTS, DetectOptions
from framehop.errors import ConfigError
from framehop.inference import load_model
from framehop.log import LogAt
from framehop.pipeline.control import Begin, Channel, DetectorAt, DetectorSettings, Message, ModelFacts, WorkerSettings
from framehop.pipeline.supervisor.roles import DetectorRole, IngestRole, Resources, WorkerRole
from framehop.regions import Regions

FACTS = ModelFacts(name="m", version="1", sha256="0", provider="cpu")


class Ear:
    """Stands in for a channel: keeps what was said."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    def send(self, message: Message) -> bool:
        self.heard.append(message)
        return True


def roles(
    workers: int, devices: tuple[int, ...], options: DetectOptions | None = None
) -> tuple[WorkerRole, DetectorRole]:
    options = options or DetectOptions(workers=workers, devices=devices)
    rings = [SimpleNamespace(path=f"ring-{index}", slots=list) for index in range(workers)]
    resources = Resources(
        sockets=Path("/run/x"),
        members=[f"m-{index}" for index in range(workers)],
        rings=cast("list[_core.RingHost]", rings),
    )
    worker = WorkerRole(LogAt(url="log"), options, load_model("coco-ssd"), resources)
    return worker, DetectorRole(options, resources, worker.serves)


def listening(role: WorkerRole, index: int) -> Ear:
    ear = Ear()
    role.processes[index].channel = cast(Channel, ear)
    role.processes[index].ready = True
    return ear


def test_every_fail_point_belongs_to_one_kind() -> None:
    kinds = (IngestRole, WorkerRole, DetectorRole)
    assert sorted(point for kind in kinds for point in kind.fail_points) == sorted(FAIL_POINTS)


def test_each_device_has_a_detector_and_each_worker_one_of_them() -> None:
    worker, detector = roles(workers=3, devices=(2, 5))
    settings = [detector.settings(process) for process in detector.processes]
    assert [each.device for each in settings if isinstance(each, DetectorSettings)] == [2, 5]
    addresses = [each.address for each in settings if isinstance(each, DetectorSettings)]
    assert len(set(addresses)) == 2
    ears = [listening(worker, index) for index in range(3)]
    for process in detector.processes:
        process.incarnation += 1
        detector.introduce(process, FACTS)
    first, second = (DetectorAt(address, FACTS) for address in addresses)
    assert [ear.heard for ear in ears] == [[first], [second], [first]]
    assert worker.model == FACTS


def test_a_worker_that_starts_late_hears_of_the_detector_there_is() -> None:
    worker, detector = roles(workers=1, devices=(0,))
    [process] = detector.processes
    detector.introduce(process, FACTS)
    ear = listening(worker, 0)
    worker.introduce(worker.processes[0], None)
    assert len(ear.heard) == 1
    detector.settings(process)  # it is started again: nobody is sent to the one before
    worker.introduce(worker.processes[0], None)
    assert len(ear.heard) == 1
    assert worker.model is None


def test_a_worker_begins_with_its_own_ring_and_name() -> None:
    worker, _ = roles(workers=2, devices=(0,))
    settings = worker.settings(worker.processes[1])
    assert isinstance(settings, WorkerSettings)
    assert (settings.name, settings.ring_path) == ("m-1", "ring-1")


def test_what_counts_reaches_the_processes_as_it_was_given() -> None:
    """Both get it as JSON. Tiles need a picture that is decoded larger."""
    options = DetectOptions(
        class_conf={"person": 0.35},
        exclude=("tv",),
        min_size_px=8.0,
        regions={"gate-*": Regions(include=(((0, 0), (1, 0), (1, 1)),), anchor="any"), "*": Regions()},
        tiles="2x1,overlap=0.5",
    )
    worker, detector = roles(workers=1, devices=(0,), options=options)
    for role in (worker, detector):
        begin = Begin(role.settings(role.processes[0]))
        with begin.to_file() as file:
            assert Begin.from_bytes(file.read()) == begin
    settings = worker.settings(worker.processes[0])
    assert isinstance(settings, WorkerSettings)
    assert (list(settings.regions), settings.min_size_px) == (["gate-*", "*"], 8.0)
    assert (settings.min_width, settings.min_height) == (450, 300)


@pytest.mark.parametrize("devices", [(), (-1,), (0, -2)])
def test_devices_that_cannot_be_are_refused(devices: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="devices must be"):
        DetectOptions(devices=devices)
