"""The ends of a process of the pipeline, and what its supervisor can tell from them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from framehop.log import LogAt
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.child import FAULT
from framehop.pipeline.processes.messages import Failed, Finished, Message, Ready
from framehop.pipeline.processes.settings import Begin, IngestSettings
from tests.log_process import ROOT

NOTHING = Begin(settings=IngestSettings(log=LogAt(url=""), sources=[]))


def end_of(how: str, parent: int | None = None, stderr: int = subprocess.PIPE) -> tuple[int, list[Message], str]:
    """Exit status, what was said on the channel, and stderr unless it goes elsewhere."""
    ours, theirs = Channel.pair()
    command = [
        sys.executable,
        "-m",
        "tests.child_process",
        how,
        "--name",
        "side-0",
        "--parent",
        str(parent or os.getpid()),
    ]
    with ours, theirs, NOTHING.to_file() as settings:
        done = subprocess.run(
            [*command, "--control-fd", str(theirs.fileno())],
            stdin=settings,
            stderr=stderr,
            pass_fds=[theirs.fileno()],
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
            timeout=60,
            check=False,
        )
        theirs.close()
        return done.returncode, ours.receive() or [], (done.stderr or b"").decode()


def test_work_that_is_done_ends_with_0() -> None:
    assert end_of("finished-ready") == (0, [Ready(), Finished()], "")


def test_a_stated_error_is_told_to_the_supervisor() -> None:
    assert end_of("stated") == (1, [Failed("there is no such model")], "")


def test_a_stated_error_while_working_is_a_fault() -> None:
    status, said, stderr = end_of("stated-ready")
    assert (status, said) == (FAULT, [Ready()])
    assert stderr == "ERROR framehop.side-0: there is no such model\n"


@pytest.mark.parametrize("how", ["starved", "starved-ready"])
def test_a_lack_of_memory_is_a_fault_at_any_time(how: str) -> None:
    status, said, stderr = end_of(how)
    assert status == FAULT
    assert not any(isinstance(message, Failed) for message in said)
    assert stderr == "ERROR framehop.side-0: the model cannot be loaded\n"


@pytest.mark.parametrize("how", ["bug", "bug-ready"])
def test_a_bug_is_a_fault_and_leaves_its_traceback(how: str) -> None:
    status, said, stderr = end_of(how)
    assert status == FAULT
    assert not any(isinstance(message, Failed) for message in said)
    assert "of an unforeseen kind" in stderr
    assert "child_process.py" in stderr


@pytest.mark.parametrize("how", ["thread-ready", "stuck-ready"])
def test_no_thread_keeps_a_process_that_lacks_memory(how: str) -> None:
    status, said, stderr = end_of(how)
    assert (status, said) == (FAULT, [Ready()])
    assert stderr == "ERROR framehop.side-0: out of memory: MemoryError\n"


def test_one_whose_supervisor_was_killed_while_it_was_started_ends_without_a_word() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(60)
    assert end_of("finished-ready", parent=gone.pid) == (1, [], "")


def test_one_whose_stderr_nobody_reads_ends_as_well() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    os.write(writing, b"." * (1 << 20))  # as much as there is room for
    os.set_blocking(writing, True)
    assert end_of("bug-ready", stderr=writing)[0] == FAULT
    os.close(reading)
    os.close(writing)
