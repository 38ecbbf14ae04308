"""Tests of how the supervisor treats a child that no longer answers."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import psutil
import pytest

from framehop.budgets import HANG_S, LOAD_S, START_S
from framehop.config.detect_options import DetectOptions
from framehop.config.environment import with_huge_pages
from framehop.errors import ProcessError, SystemCallError
from framehop.log import LogAt
from framehop.pipeline.processes.messages import Failed
from framehop.pipeline.processes.settings import IngestSettings
from framehop.pipeline.supervisor.incarnations import LONGEST_DELAY_S, REPLACED_LIMIT, Process
from framehop.pipeline.supervisor.role import Resources
from framehop.pipeline.supervisor.roles import DetectorRole, WorkerRole

NOTHING = IngestSettings(log=LogAt(url=""), sources=[])
REPLACED = Failed(message="another process works under this worker's name", replaced=True)


@dataclass
class SlowToDie:
    """Stands in for a child whose memory takes long to give back: killed, and there for all that."""

    kills: int = 0
    pid: int = 0  # nobody's

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
        worker.kill_if_hung(time.monotonic())
    assert child.kills == 1
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("worker-0 has not been heard of for ")
    assert caplog.messages[0].endswith(" s: killed")


@pytest.mark.parametrize("silent_s", [0.0, 2 * START_S])
def test_who_loads_is_killed_where_it_was_stopped_and_not_for_its_silence(
    silent_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    with subprocess.Popen(["sleep", "60"]) as child, contextlib.ExitStack() as end:
        end.callback(child.kill)
        detector = Process("detector", "framehop.no_module", 0, LOAD_S, popen=child)
        detector.started_s = detector.heard_s = time.monotonic() - silent_s
        detector.kill_if_hung(time.monotonic())
        assert not detector.killed
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        detector.kill_if_hung(time.monotonic())
        assert detector.killed == (silent_s > START_S)
    assert [message.partition(" for ")[2] for message in caplog.messages if "killed" in message] == (
        ["120 s and is stopped: killed"] if detector.killed else []
    )


def test_a_detector_that_never_gets_ready_is_said_to_have_a_slow_model() -> None:
    detector = Process("detector", "framehop.no_module", 0, popen=cast("subprocess.Popen[bytes]", SlowToDie()))
    detector.started_s = -1e6
    with pytest.raises(ProcessError, match="too slow for this machine: framehop model inspect"):
        detector.kill_if_hung(time.monotonic())


def test_a_detector_that_is_slow_to_start_is_said_to_be_waited_for_and_not_killed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    child, now_s = SlowToDie(), time.monotonic()
    detector = Process("detector", "framehop.no_module", 0, LOAD_S, popen=cast("subprocess.Popen[bytes]", child))
    detector.started_s, detector.heard_s = now_s - 2 * START_S, now_s
    for _ in range(3):
        detector.kill_if_hung(time.monotonic())
    assert child.kills == 0
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("detector-0 has been loading and trying its model for 12")
    detector.started_s = now_s - LOAD_S - 1
    with pytest.raises(ProcessError, match=r"detector-0 was not ready after 60\d s; the model may be too slow"):
        detector.kill_if_hung(time.monotonic())
    detector.proven = True
    detector.kill_if_hung(time.monotonic())
    assert child.kills == 1
    assert caplog.messages[1].startswith("detector-0 was not ready after 60")


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


@dataclass
class Started:
    """Stands in for a child that was started, and notes the environment that it was given."""

    environments: list[Mapping[str, str] | None] = field(default_factory=list)
    pid: int = field(default_factory=os.getpid)

    def __call__(self, _command: list[str], *, env: Mapping[str, str] | None, **_options: object) -> Started:
        self.environments.append(env)
        return self


def test_only_a_detector_is_started_where_malloc_asks_for_huge_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", started := Started())
    log, options = LogAt(url="log"), DetectOptions()
    [worker] = WorkerRole(log, options, Resources()).processes
    [detector] = DetectorRole(options, Resources(), lambda _detector, _at: None).processes
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")  # what a program sets before the start is heard
    for process in (worker, detector):
        process.start(IngestSettings(log=log, sources=[]), None)
        assert process.channel is not None
        process.channel.close()
        os.close(process.pidfd)
    asked = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.check=0:glibc.malloc.hugetlb=1"}
    assert started.environments == [None, asked]


@pytest.mark.parametrize(
    ("before", "after"), [("", "glibc.malloc.hugetlb=1"), ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0")]
)
def test_who_has_chosen_the_size_of_pages_keeps_it(monkeypatch: pytest.MonkeyPatch, before: str, after: str) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", before)
    assert with_huge_pages()["GLIBC_TUNABLES"] == after


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
    assert caplog.messages == ["worker-0 cannot be started: no reason; it is tried again"], (
        "once, and later now and then"
    )
