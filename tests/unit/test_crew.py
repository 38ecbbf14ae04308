"""The supervisor's rounds: it judges its processes by the time in which it watched them."""

from __future__ import annotations

import subprocess
from typing import cast

import pytest

from framehop.budgets import HANG_S, LOAD_S, START_S
from framehop.config.detect_options import DetectOptions
from framehop.log import LogAt
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.messages import Message
from framehop.pipeline.supervisor import crew as crew_module
from framehop.pipeline.supervisor.crew import Crew
from framehop.pipeline.supervisor.incarnations import Process
from framehop.pipeline.supervisor.role import Resources
from framehop.pipeline.supervisor.roles import DetectorRole, WorkerRole
from framehop.testing.clock import ManualClock

AWAY_FOR_S = 2 * LOAD_S


class Child:
    """Stands in for a child that lives."""

    pid = 0  # nobody's
    kills = 0

    def poll(self) -> int | None:
        return None

    def kill(self) -> None:
        self.kills += 1


class SilentChannel:
    """A channel on which nothing comes. The supervisor is frozen for `frozen_s` while it listens there."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.frozen_s = clock, 0.0

    def receive(self) -> list[Message]:
        self.clock.advance(self.frozen_s)
        self.frozen_s = 0.0
        return []


class House:
    """A worker that was ready at second 0, and a detector that was started then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(crew_module, "time", clock := ManualClock())
        self.clock = clock
        options = DetectOptions()
        self.workers = WorkerRole(LogAt(url="log"), options, Resources())
        self.detectors = DetectorRole(options, Resources(), lambda _detector, _at: None)
        self.channel = SilentChannel(clock)
        for process in (self.worker, self.detector):
            process.popen = cast("subprocess.Popen[bytes]", Child())
            process.channel = cast(Channel, self.channel)
        self.worker.ready = True
        self.crew = Crew((self.workers, self.detectors), fail_at=None, on_beat=lambda: None)
        self.crew.care()

    @property
    def worker(self) -> Process:
        return self.workers.processes[0]

    @property
    def detector(self) -> Process:
        return self.detectors.processes[0]

    def watch(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.clock.advance(1.0)
            self.crew.care()


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    return House(monkeypatch)


def test_nobody_is_killed_for_the_time_in_which_the_supervisor_was_frozen(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.watch(5)
    house.clock.advance(AWAY_FOR_S)
    house.crew.care()
    house.watch(HANG_S - 6)
    assert not house.worker.killed
    assert not house.detector.killed
    assert caplog.messages == ["the supervisor did not run for 1200 s: its processes get as much time again"]


def test_who_stays_silent_after_that_is_killed(house: House) -> None:
    house.watch(5)
    house.clock.advance(AWAY_FOR_S)
    house.crew.care()
    house.watch(HANG_S - 4)
    assert house.worker.killed


def test_a_freeze_in_the_middle_of_a_round_counts_against_nobody(house: House) -> None:
    house.channel.frozen_s = AWAY_FOR_S
    house.crew.care()
    house.crew.care()
    assert not house.worker.killed
    assert not house.detector.killed


def test_who_was_heard_after_a_freeze_in_the_middle_of_a_round_is_judged_from_then_on(house: House) -> None:
    house.watch(5)
    house.clock.advance(AWAY_FOR_S)
    house.worker.heard_s = house.clock.monotonic()  # by the round that was frozen
    house.detector.patient_until_s = house.clock.monotonic() + START_S
    house.crew.care()
    assert house.detector.patient_until_s == house.clock.monotonic() + START_S
    house.watch(HANG_S + 1)
    assert house.worker.killed
