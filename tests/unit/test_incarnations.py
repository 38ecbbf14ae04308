"""Tests of how the supervisor treats a child that no longer answers."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import cast

import pytest

from framehop.budgets import HANG_S
from framehop.errors import ProcessError
from framehop.pipeline.processes.messages import Failed
from framehop.pipeline.supervisor.incarnations import REPLACED_LIMIT, Process

REPLACED = Failed(message="another process works under this worker's name", replaced=True)


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


def test_a_worker_whose_name_another_has_joins_again_but_not_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    worker = Process("worker", "framehop.no_module", 0)
    for _ in range(REPLACED_LIMIT - 1):
        worker.note_failure(REPLACED)
    assert len(caplog.messages) == REPLACED_LIMIT - 1
    with pytest.raises(ProcessError, match="another process works under this worker's name"):
        worker.note_failure(REPLACED)


def test_names_taken_long_ago_do_not_count() -> None:
    worker = Process("worker", "framehop.no_module", 0, replaced_s=[-1e9] * REPLACED_LIMIT)
    worker.note_failure(REPLACED)
