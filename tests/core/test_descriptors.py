"""File descriptors that run out: what needs them says so, and nothing is limited to the first 1,024."""

from __future__ import annotations

import os
import resource
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from framehop._core import HopClient, raise_descriptor_limit
from tests.waiting import until

RAISED = """
import resource
from framehop._core import raise_descriptor_limit
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))
raise_descriptor_limit()
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
"""

BEYOND_SELECT = """
import os, resource
from framehop.pipeline.wake import readable, wait_writable
resource.setrlimit(resource.RLIMIT_NOFILE, (3000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
ours, theirs = os.pipe()
os.dup2(ours, 2000)
assert readable([2000], 0.0) == set()
wait_writable(theirs, 30.0)
os.write(theirs, b"x")
assert readable([2000], 30.0) == {2000}
os.read(2000, 1)
os.close(theirs)
assert readable([2000], 30.0) == {2000}, "a hang-up, too"
"""

NONE_LEFT = """
import os, resource, sys
from framehop._core import FrameReceiver, FrameSender, HopClient, HopServer, RingReader
from framehop.errors import SystemCallError
from framehop.hop.plain import PlainReceiver
highest = os.dup(0)
os.close(highest)
resource.setrlimit(resource.RLIMIT_NOFILE, (highest + int(sys.argv[2]), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
for make in (
    lambda: HopServer(f"ipc://{sys.argv[1]}/hop"),
    lambda: HopClient(f"ipc://{sys.argv[1]}/hop", ring_path="/r", ring_id=1),
    lambda: FrameSender("tcp://127.0.0.1:0", insecure=True),
    lambda: FrameReceiver("tcp://127.0.0.1:9", insecure=True),
    lambda: PlainReceiver("tcp://127.0.0.1:9", insecure=True),
):
    try:
        make()
    except SystemCallError as error:
        assert "ulimit -n" in str(error), error
    else:
        raise AssertionError("it was made")
"""


def run(script: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, timeout=120)


def test_the_limit_is_raised_to_the_hard_one() -> None:
    run(RAISED)


def test_processes_wait_on_descriptors_of_any_number() -> None:
    run(BEYOND_SELECT)


@pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""), reason="UBSan needs a descriptor of its own to look at a type"
)
def test_the_hop_says_that_none_is_left_instead_of_aborting(tmp_path: object) -> None:
    for left in ("2", "6"):
        run(NONE_LEFT, str(tmp_path), left)


SERVER = """
import os, resource, sys, time
from pathlib import Path
from framehop._core import FrameSender, HopServer
from framehop.errors import SystemCallError
from framehop.pipeline.control_plane.control_socket import ControlSocket
from framehop.pipeline.worker.notice_board import NoticeBoard
path, left, kind = sys.argv[1:]
highest = os.dup(0)
os.close(highest)
resource.setrlimit(resource.RLIMIT_NOFILE, (highest + int(left),) * 2)
try:
    if kind == "hop":
        server = HopServer(f"ipc://{path}")
        look = lambda: server.poll(0.05)
    elif kind == "frames":
        server = FrameSender(f"ipc://{path}")
        look = lambda: server.poll(0.05)
    elif kind == "notices":
        server = NoticeBoard(path)
        look = lambda: server.shown([]) or time.sleep(0.05)
    else:
        server = ControlSocket(Path(path), lambda request: None)
        look = lambda: time.sleep(0.05)
except SystemCallError as error:
    sys.exit(str(error))
print("ready", flush=True)
sys.stdin.readline()  # strangers come, and nobody looks
while True:
    look()
"""


@contextmanager
def server(path: Path, left: int, kind: str = "hop") -> Iterator[subprocess.Popen[str]]:
    """A server in a process that may open so many descriptors more. It begins to look when it gets a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path), str(left), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def come(path: Path, most: int) -> ExitStack:
    """Return connections of strangers, as many as get in; the last is one that nobody has accepted for a while."""
    with ExitStack() as stack:
        for _ in range(most):
            stranger = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 2, 0))
            try:
                stranger.connect(str(path))
            except BlockingIOError:  # the queue of those who wait to be accepted is full
                break
        return stack.pop_all()


def is_welcome(address: str) -> bool:
    with HopClient(address, ring_path="/r", ring_id=1) as client:
        until(lambda: client.poll(0.1) and (client.lost or client.credits), "a welcome")
        return client.credits > 0


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4000, reason="needs 4,000 descriptors for strangers"
)
@pytest.mark.parametrize("kind", ["hop", "frames", "notices", "control"])
def test_strangers_take_no_last_descriptor_over_zeromq(tmp_path: Path, kind: str) -> None:
    """libzmq accepts whoever comes, and over ipc:// it aborts the process when no descriptor is left for one."""
    raise_descriptor_limit()
    place = tmp_path / "socket"
    with server(place, 1300, kind) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with come(place, 3000):  # more than that process has descriptors
            assert process.poll() is None
            process.stdin.write("\n")
            process.stdin.flush()
            with come(place, 1500):
                assert process.poll() is None
        if kind == "hop":
            until(lambda: is_welcome(f"ipc://{place}"), "a worker's place")
        assert process.poll() is None


def test_a_process_without_that_many_says_so(tmp_path: Path) -> None:
    with server(tmp_path / "socket", 300) as process:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "RLIMIT_NOFILE" in said
        assert "ulimit -n" in said
