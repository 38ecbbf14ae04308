"""A ring beside a writer that stands still, a process number that is given again, and signals without end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from framehop._core import FrameRequest, FrameTag, HopClient, HopServer, Ring, RingHost, RingReader
from framehop.errors import RefusedError
from tests.core.hop_peers import RING_PATH, sizes
from tests.ring_peer import colour, peer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[RingHost]:
    tmp_path.chmod(0o700)
    with RingHost(str(tmp_path / "ring.sock"), slots=2, slot_bytes=4096, tap_quota=1) as host:
        yield host


def test_a_stopped_writer_holds_up_no_reader_and_keeps_its_place(host: RingHost) -> None:
    with peer(host.path, "writer") as writer, RingReader.attach(host.path, role="detector") as reader:
        slot, generation = map(int, writer.ask("publish 7"))
        writer.signal(signal.SIGSTOP)
        with RingReader.attach(host.path, role="tap") as late:
            for looking in (reader, late):
                lease = looking.try_lease(slot, generation)
                assert lease is not None
                assert np.all(lease.array() == colour(7))
                lease.release()
        with pytest.raises(RefusedError, match=f"process {writer.pid}"):
            Ring.attach(host.path)
        writer.signal(signal.SIGCONT)
        slot, generation = map(int, writer.ask("publish 8"))
        assert reader.try_lease(slot, generation) is not None
        writer.signal(signal.SIGSTOP)
        writer.kill()
        with Ring.attach(host.path) as successor:
            assert successor.incarnation == 2


# The host sees nothing while it is stopped: when it wakes up, another process has the dead reader's number.
RECYCLED = """
import os, signal, subprocess, sys
from pathlib import Path
from framehop._core import FrameTag, Ring, RingHost
from tests.ring_peer import Peer

HOST = '''
import sys
from framehop._core import FrameTag, Ring, RingHost
from tests.waiting import until
with RingHost(sys.argv[1], slots=2, slot_bytes=4096, tap_quota=0) as host, Ring.attach(host.path) as ring:
    slot = ring.wait_acquire(FrameTag("cam", 1, 1), 30.0)
    slot.array(4, 4)[:] = 1
    ref = slot.publish()
    print(ref.slot, ref.generation, flush=True)
    sys.stdin.readline()
    assert ring.retire(ref)
    until(lambda: ring.free_slots() == host.slot_count, "the slot of the dead")
    print([holder.role for holder in host.holders()], flush=True)
'''
host = subprocess.Popen([sys.executable, "-c", HOST, sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
slot = host.stdout.readline().split()
reader = Peer(sys.argv[1], "detector")
assert reader.ask(" ".join(["lease", *slot])) != ["none"]
host.send_signal(signal.SIGSTOP)
reader.end()
for _ in range(100):
    Path("/proc/sys/kernel/ns_last_pid").write_text(str(reader.pid - 1))
    other = subprocess.Popen(["sleep", "600"])
    if other.pid == reader.pid:
        break
    other.kill()
    other.wait()
assert other.pid == reader.pid, "the number was not given again"
host.send_signal(signal.SIGCONT)
print(host.communicate("\\n", timeout=100)[0], end="", flush=True)
assert other.poll() is None
other.kill()
"""


def test_who_has_a_dead_readers_number_is_not_taken_for_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    unshare = shutil.which("unshare")
    if os.geteuid() != 0 or unshare is None:
        pytest.skip("a namespace of process numbers needs root, and unshare")
    done = subprocess.run(
        [unshare, "--pid", "--fork", "--mount-proc", sys.executable, "-c", RECYCLED, str(tmp_path / "ring.sock")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    if "unshare:" in done.stderr:
        pytest.skip(f"no namespace of process numbers here: {done.stderr.strip()}")
    assert (done.returncode, done.stdout) == (0, "['writer']\n"), done.stderr


@contextmanager
def signals_without_end() -> Iterator[list[int]]:
    """A signal every half millisecond, so that hardly a wait of ours ends by itself; counts them."""
    came = [0]

    def count(*_: object) -> None:
        came[0] += 1

    before = signal.signal(signal.SIGALRM, count)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        yield came
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("scheme", ["shm", "ipc"])
def test_interrupted_calls_lose_and_double_nothing(host: RingHost, tmp_path: Path, scheme: str) -> None:
    place = f"{scheme}://{tmp_path}/hop"
    with (
        Ring.attach(host.path) as ring,
        RingReader.attach(host.path) as reader,
        HopServer(place, credits=4) as server,
        HopClient(place, ring_path=RING_PATH, ring_id=7) as client,
        signals_without_end() as came,
    ):
        while not client.credits:
            server.poll(0.01)
            client.poll(0.01)
        answered = 0
        while (turn := answered) < 100 or came[0] < 50:
            slot = ring.wait_acquire(FrameTag("cam", 1, turn), 30.0)
            assert slot is not None
            slot.array(4, 4)[:] = turn % 256
            ref = slot.publish()
            assert client.send([ref], sizes(1))
            requests: list[FrameRequest] = []
            while not requests:
                requests = server.poll(0.01)[0]
            (request,) = requests
            lease = reader.try_lease(request.slot, request.generation)
            assert lease is not None
            assert np.all(lease.array() == turn % 256)
            lease.release()
            assert server.reply(request)
            while answered == turn:
                answered += len(client.poll(0.01)[0])
            assert ring.retire(ref)
        assert (server.malformed, client.malformed) == (0, 0)
        assert ring.free_slots() == ring.slot_count
