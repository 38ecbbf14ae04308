"""The ring between processes, some of which die, stop or misbehave. Faults 1, 3, 8, 10, 11, 12, 13."""

from __future__ import annotations

import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from framehop._core import FrameTag, Ring, RingHost, RingReader, SlotRef
from framehop.errors import RefusedError, SystemCallError
from tests.ring_knocks import ATTACH, DETECTOR, MAGIC, VERSION, knock
from tests.waiting import until

from ..ring_peer import Peer, colour, peer


@pytest.fixture
def host(tmp_path: Path) -> Iterator[RingHost]:
    tmp_path.chmod(0o700)
    with RingHost(str(tmp_path / "ring.sock"), slots=4, slot_bytes=4096, tap_quota=2) as host:
        yield host


@pytest.fixture
def ring(host: RingHost) -> Iterator[Ring]:
    with Ring.attach(host.path) as ring:
        yield ring


def publish(ring: Ring, seq: int) -> SlotRef:
    slot = ring.wait_acquire(FrameTag("cam", 1, seq), 30.0)
    assert slot is not None
    slot.array(4, 4)[:] = colour(seq)
    return slot.publish()


def lease_line(ref: SlotRef) -> str:
    return f"lease {ref.slot} {ref.generation}"


def test_a_killed_readers_slots_come_back_and_others_keep_their_pixels(host: RingHost, ring: Ring) -> None:
    refs = [publish(ring, seq) for seq in range(6)]
    with peer(host.path, "detector") as victim, RingReader.attach(host.path, role="detector") as survivor:
        for ref in refs:
            assert victim.ask(lease_line(ref)) != ["none"]
        kept = survivor.try_lease(refs[0].slot, refs[0].generation)
        assert kept is not None
        pixels = kept.array()
        for ref in refs:
            assert ring.retire(ref)
        assert ring.free_slots() == 0
        victim.kill()  # and nobody reaps it
        assert [publish(ring, seq).slot for seq in range(10, 15)] == [ref.slot for ref in refs[1:]]
        assert np.all(pixels == colour(0))
        until(lambda: host.reclaimed() == 6, "the leases of the dead counted")
        assert ring.free_slots() == 0


def test_a_half_written_slot_of_a_killed_writer_is_never_published(host: RingHost) -> None:
    with peer(host.path, "writer") as writer, RingReader.attach(host.path) as reader:
        assert writer.hello == ["1"]
        slot, generation = map(int, writer.ask("fill 7"))
        writer.kill()
        with Ring.attach(host.path) as successor:
            assert successor.incarnation == 2
            assert successor.free_slots() == host.slot_count
            assert reader.try_lease(slot, generation) is None
            info = host.slots()[slot]
            assert (info.state, info.tag) == ("free", FrameTag("cam", 1, 7))


def test_the_suspect_can_be_read_before_a_successor_comes(host: RingHost) -> None:
    with peer(host.path, "writer") as writer:
        slot, _ = map(int, writer.ask("fill 7"))
        writer.kill()
        until(lambda: not host.holders(), "the dead writer noticed")
        assert host.slots()[slot].state == "filling"
        assert host.slots()[slot].tag == FrameTag("cam", 1, 7)


def test_a_writer_whose_predecessor_was_just_killed_attaches_at_once(host: RingHost) -> None:
    for incarnation in range(1, 6):
        with peer(host.path, "writer") as writer:
            assert writer.hello == [str(incarnation)]
            with pytest.raises(RefusedError, match=f"process {writer.pid}"):
                Ring.attach(host.path)


def test_a_forked_child_of_a_dead_holder_keeps_nothing_alive(host: RingHost, ring: Ring) -> None:
    ref = publish(ring, 1)
    with peer(host.path, "detector") as reader:
        reader.ask(lease_line(ref))
        (child,) = map(int, reader.ask("fork"))
        assert ring.retire(ref)
        reader.kill()
        until(lambda: ring.free_slots() == host.slot_count, "the slot is back")
        os.kill(child, 0)  # the child still lives, with a copy of the connection
        assert [holder.role for holder in host.holders()] == ["writer"]


def test_a_stopped_tap_pins_its_quota_and_no_more(host: RingHost, ring: Ring) -> None:
    refs = [publish(ring, seq) for seq in range(6)]
    with peer(host.path, "tap") as tap:
        leased = [ref for ref in refs if tap.ask(lease_line(ref)) != ["none"]]
        assert len(leased) == 2
        tap.signal(signal.SIGSTOP)
        for ref in refs:
            ring.retire(ref)
        for seq in range(100, 140):
            newer = [publish(ring, seq + i) for i in range(4)]
            assert all(ring.retire(ref) for ref in newer)
        tap.signal(signal.SIGCONT)
        for ref in leased:
            assert tap.ask(f"look {ref.slot} {ref.generation}") == [str(colour(refs.index(ref)))]


def test_a_dead_taps_quota_comes_back(host: RingHost, ring: Ring) -> None:
    refs = [publish(ring, seq) for seq in range(2)]
    with peer(host.path, "tap") as tap:
        for ref in refs:
            assert tap.ask(lease_line(ref)) != ["none"]
        with RingReader.attach(host.path, role="tap") as other:
            assert other.try_lease(refs[0].slot, refs[0].generation) is None
            tap.kill()
            until(lambda: other.try_lease(refs[0].slot, refs[0].generation) is not None, "the quota is back")


def test_a_stopped_tap_starves_no_other(host: RingHost, ring: Ring) -> None:
    refs = [publish(ring, seq) for seq in range(3)]
    with peer(host.path, "tap") as stopped, RingReader.attach(host.path, role="tap") as other:
        assert [stopped.ask(lease_line(ref)) == ["none"] for ref in refs] == [False, True, True]
        stopped.signal(signal.SIGSTOP)
        for ref in refs:
            lease = other.try_lease(ref.slot, ref.generation)
            assert lease is not None
            assert np.all(lease.array() == colour(refs.index(ref)))
            lease.release()


# ---------------------------------------------------------------- a peer that speaks the protocol by hand


def test_a_peer_cannot_write_to_pixels_or_change_the_size(host: RingHost) -> None:
    answer, fds = knock(host.path, ATTACH.pack(MAGIC, VERSION, DETECTOR))
    pixels, control = fds
    try:
        assert answer.startswith(MAGIC)
        with pytest.raises(PermissionError):
            mmap.mmap(pixels, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        for fd in fds:
            with pytest.raises(OSError, match=r"not permitted|Invalid argument|Permission denied"):
                os.truncate(fd, 0)
            with pytest.raises(PermissionError):
                os.truncate(f"/proc/self/fd/{fd}", 0)
            with pytest.raises(PermissionError):
                os.truncate(f"/proc/self/fd/{fd}", 1 << 30)
    finally:
        os.close(pixels)
        os.close(control)


@pytest.mark.parametrize(
    "message",
    [
        b"x",
        b"GET / HTTP/1.1\r\n\r\n",
        ATTACH.pack(b"NOTFRAME", VERSION, DETECTOR),
        ATTACH.pack(MAGIC, VERSION + 1, DETECTOR),
        ATTACH.pack(MAGIC, VERSION, 0),
        ATTACH.pack(MAGIC, VERSION, 99),
        ATTACH.pack(MAGIC, VERSION, DETECTOR) + b"more",
        bytes(100_000),
    ],
)
def test_what_is_no_attach_request_is_refused_and_harms_nobody(host: RingHost, message: bytes) -> None:
    answer, fds = knock(host.path, message)
    assert fds == []
    assert len(answer) == 256
    assert struct.unpack_from("<I", answer, 12)[0] != 0
    assert answer[24:].rstrip(b"\0")
    RingReader.attach(host.path).close()


def test_silent_connections_keep_nobody_out(host: RingHost) -> None:
    silent = []
    try:
        for _ in range(40):
            silent.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            silent[-1].connect(host.path)
        RingReader.attach(host.path).close()
    finally:
        for connection in silent:
            connection.close()


def test_a_stopped_host_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "ring.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as mute:
        mute.bind(path)
        mute.listen()
        with pytest.raises(SystemCallError, match="did not answer in time"):
            RingReader.attach(path, timeout_s=0.05)


# ---------------------------------------------------------------- limits and leftovers

HOST_SCRIPT = """
import sys
from framehop._core import FrameTag, Ring
ring = Ring.create(sys.argv[1], slots=64, slot_bytes=1 << 20)
slot = ring.try_acquire(FrameTag("a", 0, 0))
slot.array(100, 100)[:] = 1
slot.publish()
print("published", flush=True)
sys.stdin.read()
"""

LIMITED_SCRIPT = """
import mmap, pathlib, resource, sys
from framehop._core import Ring
from framehop.errors import OutOfMemoryError
used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
resource.setrlimit(resource.RLIMIT_AS, (used + (40 << 20), used + (40 << 20)))
try:
    Ring.create(sys.argv[1], slots=64, slot_bytes=1 << 20, tap_quota=0)
except OutOfMemoryError as error:
    print(error)
"""


def host_process(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOST_SCRIPT, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_an_address_space_too_small_is_an_error_with_the_size(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED_SCRIPT, str(tmp_path / "ring.sock")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f"mmap of {64 << 20} bytes" in done.stdout
    assert "ulimit -v" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_size_of_dev_shm_plays_no_part(tmp_path: Path) -> None:
    used = os.statvfs("/dev/shm").f_bfree
    tmp_path.chmod(0o700)
    with host_process(tmp_path / "ring.sock") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "published\n"
        assert os.statvfs("/dev/shm").f_bfree == used
        process.communicate("", timeout=60)


def test_a_killed_host_leaves_a_socket_that_its_successor_replaces(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "ring.sock"
    with host_process(path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.communicate(timeout=60)
    assert path.exists()
    with pytest.raises(SystemCallError, match="no ring host"):
        RingReader.attach(str(path))
    with Ring.create(str(path), slots=1, slot_bytes=100):
        RingReader.attach(str(path)).close()
    assert not path.exists()


def test_an_interpreter_ends_well_with_everything_still_open(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    script = (
        "import sys; from framehop._core import FrameTag, Ring, RingReader\n"
        "ring = Ring.create(sys.argv[1], slots=2, slot_bytes=4096)\n"
        "slot = ring.try_acquire(FrameTag('a', 0, 0)); out = slot.array(2, 2); ref = slot.publish()\n"
        "reader = RingReader.attach(sys.argv[1]); lease = reader.try_lease(ref.slot, ref.generation)\n"
        "array = lease.array(); filling = ring.try_acquire(FrameTag('a', 0, 1)); sys.keep = (array, filling)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "r")], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_peer_that_ends_leaves_nothing_in_the_host(host: RingHost, ring: Ring) -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    peers = [Peer(host.path, "detector") for _ in range(3)]
    assert len(host.holders()) == 4
    for started in peers:
        started.end()
    until(lambda: len(host.holders()) == 1, "the peers seen off")
    assert sorted(Path("/proc/self/fd").iterdir()) == before
