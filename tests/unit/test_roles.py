"""The kinds of processes: what each is started with, and who hears of whom."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from framehop import _core
from framehop.budgets import ENGINE_S, START_S
from framehop.config import FAIL_POINTS, DetectOptions
from framehop.errors import ConfigError
from framehop.inference import Provider, load_model
from framehop.log import LogAt
from framehop.pipeline.control import Channel, DetectorAt, DetectorSettings, Message, ModelFacts, WorkerSettings
from framehop.pipeline.supervisor.roles import DetectorRole, IngestRole, Resources, WorkerRole

FACTS = ModelFacts(name="m", version="1", sha256="0", provider="cpu")


class Ear:
    """Stands in for a channel: keeps what was said."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    def send(self, message: Message) -> bool:
        self.heard.append(message)
        return True


def roles(workers: int, devices: tuple[int, ...], provider: Provider = "auto") -> tuple[WorkerRole, DetectorRole]:
    options = DetectOptions(workers=workers, devices=devices, provider=provider)
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


@pytest.mark.parametrize("devices", [(), (-1,), (0, -2)])
def test_devices_that_cannot_be_are_refused(devices: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="devices must be"):
        DetectOptions(devices=devices)


@pytest.mark.parametrize(("provider", "start_s"), [("auto", START_S), ("tensorrt", ENGINE_S)])
def test_a_detector_of_tensorrt_has_time_to_build_its_engine(provider: Provider, start_s: float) -> None:
    _, detectors = roles(workers=1, devices=(0,), provider=provider)
    [detector] = detectors.processes
    detector.started_s = 100.0
    assert detector.deadline_s() == 100.0 + start_s
