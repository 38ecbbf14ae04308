"""Live frames from one host to another, at full size: two network namespaces with a cable between them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from framehop.hop.keys import KeyFiles, create_keys
from tests.system.harness import House
from tests.system.live_frames import end, serving, watch
from tests.tiny_model import write_corner_model
from tests.waiting import until

HERE, THERE = "192.0.2.1", "192.0.2.2"
WIDTH, HEIGHT = 1920, 1080
# A slot has 4 MiB unless a program says more.
PIPELINE = """
import sys
import framehop
source, log, model = sys.argv[1:]
for event in framehop.run(source, log=log, options=framehop.DetectOptions(model=model, slot_bytes=8 << 20)):
    pass
"""
Served = tuple[subprocess.Popen[bytes], str]


@pytest.fixture(scope="module")
def two_hosts() -> Iterator[tuple[str, str]]:
    """The names of two network namespaces, HERE and THERE."""
    names = (f"fh-a{os.getpid()}", f"fh-b{os.getpid()}")
    try:
        for command in (
            f"ip netns add {names[0]}",
            f"ip netns add {names[1]}",
            f"ip -n {names[0]} link add fh0 type veth peer name fh0 netns {names[1]}",
            f"ip -n {names[0]} addr add {HERE}/24 dev fh0",
            f"ip -n {names[1]} addr add {THERE}/24 dev fh0",
            f"ip -n {names[0]} link set fh0 up",
            f"ip -n {names[1]} link set fh0 up",
        ):
            done = subprocess.run(command.split(), capture_output=True, text=True, timeout=60, check=False)
            if done.returncode:
                pytest.skip(f"no network namespaces here: {done.stderr.strip()}")
        yield names
    except FileNotFoundError:
        pytest.skip("no network namespaces here: ip is not installed")
    finally:
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def running(shared_house: House, two_hosts: tuple[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A pipeline whose network wants every pixel of a large picture."""
    house = shared_house
    model = write_corner_model(house.path, WIDTH, HEIGHT)
    source = f"wide=testsrc:?size={WIDTH}x{HEIGHT}&rate=4"
    command = [sys.executable, "-c", PIPELINE, source, str(house.log), str(model)]
    with subprocess.Popen(command, env=house.env, cwd=house.path, stdin=subprocess.PIPE) as run:
        try:
            until(lambda: house.events() > 2, "events", 60)
            yield run
        finally:
            run.terminate()


@pytest.fixture(scope="module")
def files(shared_house: House) -> KeyFiles:
    return create_keys(shared_house.path / "keys")


def inside(name: str) -> tuple[str, ...]:
    """A command that runs another on one of the hosts."""
    return ("ip", "netns", "exec", name)


@pytest.fixture
def server(
    shared_house: House, running: subprocess.Popen[bytes], files: KeyFiles, two_hosts: tuple[str, str]
) -> Iterator[Served]:
    """A server of frames HERE, and its address."""
    here = inside(two_hosts[0])
    with serving(shared_house, "--listen", f"{HERE}:0", "--keys", files.sender, under=here) as served:
        yield served


def test_frames_of_full_size_come_to_who_has_the_key(
    shared_house: House, server: Served, files: KeyFiles, two_hosts: tuple[str, str]
) -> None:
    lines = watch(shared_house, server[1], "--keys", files.receiver, under=inside(two_hosts[1]))
    assert [(line["stream"], line["width"], line["height"]) for line in lines] == [("wide", WIDTH, HEIGHT)] * 3


def test_a_peer_without_the_key_gets_nothing_and_the_log_says_why(
    shared_house: House, server: Served, files: KeyFiles, two_hosts: tuple[str, str], tmp_path: Path
) -> None:
    process, address = server
    others = create_keys(tmp_path / "others").receiver
    trusted = json.loads(files.receiver.read_bytes())["sender"]
    others.write_text(json.dumps(json.loads(others.read_bytes()) | {"sender": trusted}))
    stranger = shared_house.start("watch-frames", address, "--keys", others, "--json", under=inside(two_hosts[1]))
    assert process.stderr is not None
    assert f"{THERE} was refused".encode() in process.stderr.readline()
    assert b"refused the key" in said_by(stranger)


def said_by(watcher: subprocess.Popen[bytes]) -> bytes:
    """Return the first thing that a watcher has to say; it must have got no frame until then, when it is ended."""
    assert watcher.stderr is not None
    said = watcher.stderr.readline()
    watcher.terminate()
    assert watcher.communicate(timeout=60)[0] == b""
    return said


def test_a_stopped_receiver_holds_up_neither_the_pipeline_nor_another(
    shared_house: House, server: Served, files: KeyFiles, two_hosts: tuple[str, str]
) -> None:
    process, address = server
    there = inside(two_hosts[1])
    stopped = shared_house.start("watch-frames", address, "--keys", files.receiver, "--json", under=there)
    assert stopped.stdout is not None
    assert stopped.stdout.readline()
    os.kill(stopped.pid, signal.SIGSTOP)
    before = shared_house.events()
    assert watch(shared_house, address, "--keys", files.receiver, under=there)
    until(lambda: shared_house.events() > before + 20, "events", 60)
    assert process.stderr is not None
    assert b"nothing was heard of it" in process.stderr.readline()
    end(stopped)


def test_a_broken_cable_is_said(
    shared_house: House, server: Served, files: KeyFiles, two_hosts: tuple[str, str]
) -> None:
    cable = ["ip", "-n", two_hosts[1], "link", "set", "fh0"]
    subprocess.run([*cable, "down"], check=True, timeout=60)
    try:
        arguments = ("watch-frames", server[1], "--keys", files.receiver)
        assert b"no answer from" in said_by(shared_house.start(*arguments, under=inside(two_hosts[1])))
    finally:
        subprocess.run([*cable, "up"], check=True, timeout=60)
