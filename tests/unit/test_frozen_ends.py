"""The end of a pipeline that is frozen as a whole meanwhile, by SIGSTOP to the group or by docker pause."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import cast

import pytest

from framehop import timing
from framehop.config.detect_options import DetectOptions
from framehop.log import LogAt
from framehop.pipeline import supervisor_run
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
    for module in (timing, supervisor_run, crew):
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


class Over(threading.Event):
    """The end of a run, which comes while it is waited for the second time; before that everybody was frozen."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock, self.waits = clock, 0

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.advance(FROZEN_S)
        self.waits += 1
        return self.waits == 2


@pytest.mark.parametrize(("while_frozen", "ended"), [(True, False), (False, True)])
def test_a_stop_waits_for_the_end_only_while_the_process_runs(
    tmp_path: Path, clock: ManualClock, while_frozen: bool, ended: bool
) -> None:
    run = SupervisorRun(supervisor_at(tmp_path), before_end=lambda: None)
    run._over = Over(clock)
    assert run.join(30.0, while_frozen=while_frozen) is ended
