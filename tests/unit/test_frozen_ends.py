"""The end of a pipeline that is frozen as a whole meanwhile, by SIGSTOP to the group or by docker pause."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import cast

import pytest

from framehop import timing
from framehop.config.detect_options import DetectOptions
from framehop.log import LogAt
from framehop.pipeline import lifetime
from framehop.pipeline.callback import Callback
from framehop.pipeline.lifetime import Lifetime
from framehop.pipeline.pump import Pump
from framehop.pipeline.push import Pusher
from framehop.pipeline.stop import StopSignal
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.streams.streams import Streams
from framehop.pipeline.supervisor import crew
from framehop.pipeline.supervisor.supervisor import Supervisor
from framehop.pipeline.supervisor_run import SupervisorRun
from framehop.testing.clock import ManualClock

FROZEN_S = 1200.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    clock = ManualClock()
    for module in (timing, lifetime, crew):
        monkeypatch.setattr(module, "time", clock)
    return clock


def supervisor_at(path: Path) -> Supervisor:
    return Supervisor(
        LogAt(url=str(path)), DetectOptions(workers=1), streams=Streams(Roster(), pushed=lambda _stream: False)
    )


class Child:
    """Stands in for a child that lives."""

    pid = 0  # nobody's

    def poll(self) -> int | None:
        return None


@pytest.mark.parametrize(("rounds_s", "drained"), [([FROZEN_S, 1.0], True), ([3.0] * 6, False)])
def test_only_the_time_in_which_the_supervisor_ran_is_part_of_the_drain(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, rounds_s: list[float], drained: bool
) -> None:
    supervisor, rounds = supervisor_at(tmp_path), iter(rounds_s)
    worker = supervisor._workers.processes[0]
    worker.popen = cast("subprocess.Popen[bytes]", Child())

    def wait(_stop: StopSignal, _timeout_s: float) -> None:
        clock.advance(next(rounds))
        if clock.monotonic() > FROZEN_S:
            worker.popen = None

    monkeypatch.setattr(supervisor, "_wait", wait)
    supervisor._crew.care()
    with StopSignal() as stop:
        assert supervisor._drain(stop) is drained


def test_callbacks_that_take_long_do_not_prolong_the_drain(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor, rounds = supervisor_at(tmp_path), iter([0.5] * 20)
    supervisor._workers.processes[0].popen = cast("subprocess.Popen[bytes]", Child())
    monkeypatch.setattr(supervisor, "_wait", lambda _stop, _timeout_s: clock.advance(next(rounds)))
    monkeypatch.setattr(supervisor._crew, "_hear", lambda _role, _process: clock.advance(6.0))
    supervisor._crew.care()
    with StopSignal() as stop:
        assert not supervisor._drain(stop)


class Ending:
    """A run or a callback that ends while it is waited for the last time, and before that takes as long as `rounds_s` says."""

    is_current, failure, stop_requested = False, None, True

    def __init__(self, clock: ManualClock, rounds_s: list[float]) -> None:
        self.clock, self.rounds = clock, iter(rounds_s)

    def join(self, _timeout_s: float | None) -> bool:
        took_s = next(self.rounds, 0.0)
        self.clock.advance(took_s)
        return not took_s

    def request_stop(self, _drain_s: float | None = None) -> None:
        pass


@pytest.mark.parametrize("round_s", [FROZEN_S, 3.0])
def test_a_stop_waits_only_while_the_process_runs(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture, round_s: float
) -> None:
    run, pump = Ending(clock, [FROZEN_S]), Ending(clock, [round_s] * 9)
    life = life_of(LogAt.of(tmp_path), run, pump)
    life.stop(0.0)
    left_alone = "on_event still has events to take" in caplog.text
    assert left_alone is (round_s < FROZEN_S)


def life_of(at: LogAt, run: Ending, pump: Ending) -> Lifetime:
    life = Lifetime(
        at,
        cast(SupervisorRun, run),
        Pusher(at),
        lane="main",
        drain_s=0.0,
        create=True,
        calls=[Callback("on_event", lambda _record: None)],
        waited_for=[],
        events_from_start=False,
    )
    life._begun, life._pumps = True, [cast(Pump, pump)]
    return life
