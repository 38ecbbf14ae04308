"""Tests of how the supervisor treats a child that no longer answers."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import psutil
import pytest

from framehop.budgets import HANG_S
from framehop.errors import ProcessError, SystemCallError
from framehop.log import LogAt
from framehop.pipeline.control import Failed, IngestSettings
from framehop.pipeline.supervisor.incarnations import LONGEST_DELAY_S, REPLACED_LIMIT, Process

NOTHING = IngestSettings(log=LogAt(url=""), sources=[])
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


@pytest.fixture
def worker() -> Iterator[Process]:
    worker = Process("worker", "framehop.no_module", 0)
    yield worker
    worker.end()


def _refuse(number: int) -> object:
    def refuse(*_args: object, **_named: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize(
    ("what", "number", "said"),
    [
        ("subprocess.Popen", errno.EMFILE, "no file descriptors are left: raise the limit with `ulimit -n`"),
        ("subprocess.Popen", errno.EAGAIN, "no more processes are allowed: raise the limit with `ulimit -u`"),
        ("os.pidfd_open", errno.ENOMEM, "no memory is left for another process"),
        ("os.memfd_create", errno.ENFILE, os.strerror(errno.ENFILE)),
    ],
)
def test_a_start_that_fails_names_the_limit_and_leaves_nothing(
    worker: Process, monkeypatch: pytest.MonkeyPatch, what: str, number: int, said: str
) -> None:
    before = psutil.Process().num_fds()
    with monkeypatch.context() as patch:
        patch.setattr(what, _refuse(number))
        with pytest.raises(SystemCallError, match=f"^worker-0 cannot be started: {said}"):
            worker.start(NOTHING, None)
    assert not worker.alive
    assert psutil.Process().num_fds() == before
    worker.start(NOTHING, None)
    assert (worker.alive, worker.incarnation) == (True, 1)


def test_a_start_that_is_put_off_comes_later_and_later(worker: Process, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(10):
        worker.put_off(SystemCallError("worker-0 cannot be started: no reason"))
    assert worker.restart_at_s is not None
    assert worker.delay_s == LONGEST_DELAY_S
    assert caplog.messages[0] == "worker-0 cannot be started: no reason; it is tried again"
