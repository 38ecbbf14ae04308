"""The rings of this host, from outside: who holds what, and what may be removed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from framehop import _core
from framehop._core import FrameTag, Ring, RingHost, RingReader
from framehop.errors import RefusedError, SystemCallError, WrongLayoutError
from framehop.ring import FoundRing, find_rings, finding, remove_ring
from tests.commands import framehop

from ..ring_peer import peer


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A directory such as a pipeline makes for its sockets."""
    directory = tmp_path / "framehop-test"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def host(runtime: Path) -> Iterator[RingHost]:
    with RingHost(str(runtime / "ring-0.sock"), slots=4, slot_bytes=4096, tap_quota=1) as host:
        yield host


def find(path: str, parent: Path) -> FoundRing:
    (found,) = [ring for ring in find_rings([parent]) if ring.path == path]
    return found


def test_a_look_says_who_holds_what_and_takes_no_place(host: RingHost) -> None:
    with Ring.attach(host.path) as ring, peer(host.path, "detector") as reader:
        refs = []
        for seq in range(3):
            slot = ring.try_acquire(FrameTag("cam", 1, seq))
            assert slot is not None
            slot.array(4, 4)[:] = 1
            refs.append(slot.publish())
        reader.ask(f"lease {refs[0].slot} {refs[0].generation}")
        reader.ask(f"lease {refs[1].slot} {refs[1].generation}")
        ring.retire(refs[0])
        filling = ring.try_acquire(FrameTag("cam", 1, 9))
        assert filling is not None
        look = _core.look_at_ring(host.path)
        assert (look.ring_id, look.slot_count, look.slot_bytes, look.tap_quota) == (host.ring_id, 5, 4096, 1)
        assert (look.free, look.filling, look.ready, look.pinned) == (1, 1, 2, 1)
        assert look.host == os.getpid()
        assert [(each.pid, each.role, each.leases) for each in look.holders] == [
            (os.getpid(), "writer", 0),
            (reader.pid, "detector", 2),
        ]
        assert len(host.holders()) == 2


def test_a_look_where_no_host_is(runtime: Path) -> None:
    with pytest.raises(SystemCallError, match="no ring host"):
        _core.look_at_ring(str(runtime / "ring-0.sock"))


def test_a_look_at_something_else(runtime: Path) -> None:
    path = str(runtime / "ring-0.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
        other.bind(path)
        other.listen()
        with pytest.raises(SystemCallError, match="did not answer in time"):
            _core.look_at_ring(path, timeout_s=0.05)
        other.accept()[0].close()  # that look has hung up

        def answer() -> None:
            with other.accept()[0] as caller:
                caller.recv(64)
                caller.send(b"HTTP/1.1 400")

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(WrongLayoutError, match="the same framehop on both sides"):
            _core.look_at_ring(path)
        answering.join()


def test_rings_are_found_by_their_socket_and_by_who_maps_them(host: RingHost, runtime: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "mine"
    elsewhere.mkdir(mode=0o700)
    with Ring.create(str(elsewhere / "pictures"), slots=1, slot_bytes=4096), peer(host.path, "tap") as tap:
        found = find(host.path, runtime.parent)
        assert found.users == tuple(sorted((os.getpid(), tap.pid)))
        assert found.look is not None
        assert [each.pid for each in found.look.holders] == [tap.pid]
        assert find(str(elsewhere / "pictures"), runtime.parent).look is not None


def test_a_ring_without_a_host_is_named_and_kept_while_somebody_maps_it(runtime: Path) -> None:
    path = str(runtime / "ring-0.sock")
    with RingHost(path, slots=1, slot_bytes=4096) as host:
        reader = RingReader.attach(path, role="detector")
        host.close()
    found = find(path, runtime.parent)
    assert (found.look, found.users) == (None, (os.getpid(),))
    assert "no ring host" in found.trouble
    with pytest.raises(RefusedError, match=f"process {os.getpid()}"):
        remove_ring(path)
    with pytest.raises(RefusedError, match=f"process {os.getpid()}"):
        remove_ring(str(runtime / ".." / runtime.name / "ring-0.sock"))
    reader.close()


def test_a_host_that_begins_while_its_predecessors_socket_is_removed_keeps_its_own(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(runtime / "ring-0.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(path)
    begun: list[RingHost] = []
    is_served = finding._is_served

    def look_and_begin(probed: str) -> bool:
        served = is_served(probed)
        if not begun:
            begun.append(RingHost(path, slots=1, slot_bytes=4096))
        return served

    monkeypatch.setattr(finding, "_is_served", look_and_begin)
    with pytest.raises(RefusedError, match="somebody serves"):
        remove_ring(path)
    with begun[0]:
        assert _core.look_at_ring(path).host == os.getpid()
    assert list(runtime.iterdir()) == []


def test_only_what_nobody_lives_in_is_removed(host: RingHost, runtime: Path) -> None:
    with pytest.raises(RefusedError, match="in use"):
        remove_ring(host.path)
    stale = runtime / "ring-7.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(stale))
        dead.listen()
        with pytest.raises(RefusedError, match="somebody serves"):
            remove_ring(str(stale))
    remove_ring(str(stale))
    assert not stale.exists()
    note = runtime / "note.txt"
    note.write_text("mine")
    with pytest.raises(RefusedError, match="no socket"):
        remove_ring(str(note))
    with pytest.raises(FileNotFoundError):
        remove_ring(str(runtime / "nothing"))


def test_the_commands(host: RingHost, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime.parent))
    with peer(host.path, "detector") as reader:
        listed = framehop("ring", "ls")
        assert listed.status == 0, listed.stderr
        assert host.path in listed.stdout
        assert f"detector {reader.pid}" in listed.stdout
        (report,) = [each for each in json.loads(framehop("ring", "ls", "--json").stdout) if each["path"] == host.path]
        assert (report["slots"], report["free"], report["host"]) == (5, 5, os.getpid())
        assert report["holders"] == [{"pid": reader.pid, "role": "detector", "leases": 0}]
        refused = framehop("ring", "rm", host.path)
        assert (refused.status, "in use" in refused.stderr) == (1, True)
    absent = framehop("ring", "rm", str(runtime / "nothing"))
    assert (
        absent.stderr == f"error: there is no {runtime / 'nothing'}: framehop ring ls shows the rings that there are\n"
    )


STOPPED = """
import os, signal, sys
from framehop._core import RingHost
with RingHost(sys.argv[1], slots=1, slot_bytes=4096):
    print("up", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_a_stopped_host_is_listed(runtime: Path) -> None:
    path = str(runtime / "ring-0.sock")
    with subprocess.Popen([sys.executable, "-c", STOPPED, path], stdout=subprocess.PIPE) as host:
        try:
            assert host.stdout is not None
            assert host.stdout.readline() == b"up\n"
            os.waitid(os.P_PID, host.pid, os.WSTOPPED)
            found = find(path, runtime.parent)
            assert (found.look, found.users) == (None, (host.pid,))
            assert "did not answer" in found.trouble
        finally:
            host.kill()
