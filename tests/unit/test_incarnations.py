"""Tests of how the supervisor treats a child that no longer answers."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import cast

import pytest

from framehop.budgets import HANG_S
from framehop.pipeline.supervisor.incarnations import Process


@dataclass
class SlowToDie:
    """Stands in for a child whose memory takes long to give back: killed, and there for all that."""

    kills: int = 0

    def poll(self) -> int | None:
        return None

    def kill(self) -> None:
        self.kills += 1


def test_a_hung_process_is_killed_and_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    child = SlowToDie()
    worker = Process(
        "worker", "framehop.no_module", 0, popen=cast("subprocess.Popen[bytes]", child), ready=True, heard_s=-HANG_S
    )
    for _ in range(3):
        worker.kill_if_hung()
    assert child.kills == 1
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("worker-0 has not been heard of for ")
    assert caplog.messages[0].endswith(" s: killed")
