"""Live frames of a running pipeline: taps on this host, receivers on others."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import framehop
from framehop.hop.keys import KeyFiles, create_keys
from framehop.pipeline.taps.tap import Tap
from tests.system.harness import FRAMEHOP, House
from tests.system.live_frames import end, serving, watch
from tests.tiny_model import write_model
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES_IN_CPP = ROOT / "build" / "asan" / "cpp" / "tests" / "package" / "example"
SOURCES = ("gate=testsrc:?size=320x240&rate=20", "yard=testsrc:?size=320x240&rate=20")
SEEN = (30, 40, 3)  # the tiny model needs no more pixels, so they are decoded at an eighth


@pytest.fixture(scope="module")
def house(shared_house: House) -> House:
    """One house for all tests of this file, since none of them harms its pipeline."""
    return shared_house


@pytest.fixture(scope="module")
def running(house: House) -> Iterator[subprocess.Popen[bytes]]:
    """A pipeline that has detected something."""
    run = house.start("run", *SOURCES, "--log", house.log, "--model", write_model(house.path))
    try:
        until(lambda: house.events() > 5, "events", 60)
        yield run
    finally:
        end(run)
        assert run.returncode == 0


@pytest.fixture
def tap(running: subprocess.Popen[bytes]) -> Iterator[Tap]:
    with framehop.attach(str(running.pid)) as tap:
        yield tap


def test_the_newest_frame_of_a_stream_in_one_call(house: House, tap: Tap) -> None:
    seqs = []
    for _ in range(3):
        with tap.newest("gate", timeout_s=60) or pytest.fail("no frame") as frame:
            assert frame.key.stream == "gate"
            assert (frame.event.width, frame.event.height) == (320, 240)
            assert frame.pixels.shape == SEEN
            assert frame.pixels.std() > 0
            seqs.append(frame.key.seq)
    assert seqs == sorted(set(seqs))
    with framehop.open_log(house.log) as log, log.events() as events:
        found = {frame.key: frame.event}

        def logged() -> bool:
            return any(found.get(record.event.key) == record.event for record in events.poll(1000, 0.1))

        until(logged, "the same event in the log")


def test_a_tap_and_a_stopped_one_hold_up_nobody(house: House, running: subprocess.Popen[bytes]) -> None:
    taps = [house.start("tap", "--pipeline", str(running.pid), stdout=subprocess.PIPE) for _ in range(2)]
    for tap in taps:
        assert tap.stdout is not None
        assert tap.stdout.readline()
    os.kill(taps[0].pid, signal.SIGSTOP)
    before = house.events()
    until(lambda: house.events() > before + 40, "events", 60)
    assert taps[1].poll() is None
    for tap in taps:
        end(tap)


def test_the_command_tap(house: House, running: subprocess.Popen[bytes]) -> None:
    done = house.framehop("tap", "--stream", "yard", "--frames", "3", "--json", "--out", "seen")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["stream"], line["height"], line["width"]) for line in lines] == [("yard", *SEEN[:2])] * 3
    assert framehop.decode_jpeg((house.path / "seen" / "yard.jpg").read_bytes()).shape == SEEN
    text = house.framehop("tap", "--frames", "1")
    assert re.match(r"(gate|yard) +\d+ ", text.stdout), text


def test_the_examples(house: House, running: subprocess.Popen[bytes]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / "tap.py", "gate", "2"],
        env=house.env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"(gate #\d+: {re.escape(str(SEEN))}, .+\n){{2}}", done.stdout), done.stdout


def example_in_cpp(name: str, *args: str | Path) -> str:
    """Run one that scripts/test has built with the C++ tests, under the same sanitizers; returns what it prints."""
    program = EXAMPLES_IN_CPP / name
    if not program.exists():
        pytest.skip(f"{program} is not built: scripts/test does it")
    done = subprocess.run([program, *args], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tap_in_cpp(house: House, running: subprocess.Popen[bytes]) -> None:
    [ring] = house.runtime.glob("framehop-*/ring-*.sock")
    printed = example_in_cpp("framehop_tap", ring, "gate", "2")
    assert re.fullmatch(r"(gate #\d+: 40 x 30, brightness \d+\n){2}", printed), printed


def test_the_receiver_in_cpp(house: House, running: subprocess.Popen[bytes]) -> None:
    """It has what was found, too."""
    with serving(house, "--listen", "127.0.0.1:0", "--insecure", "--raw") as (_, address):
        lines = example_in_cpp("framehop_watch", f"tcp://{address}", "2").splitlines()
    assert len(lines) == 2
    for line in lines:
        head, _, event = line.partition(", ")
        told = json.loads(event)
        assert head == f"{told['stream']} #{told['seq']}: 40 x 30"
        assert told["outcome"] == "detected"


# ---------------------------------------------------------------- to other hosts


@pytest.fixture(scope="module")
def files(house: House) -> KeyFiles:
    return create_keys(house.path / "keys")


@pytest.mark.parametrize("how", ["--quality=90", "--raw"])
def test_frames_go_to_who_has_the_key(
    house: House, running: subprocess.Popen[bytes], files: KeyFiles, how: str
) -> None:
    with serving(house, "--listen", "127.0.0.1:0", "--keys", files.sender, how) as (_, address):
        lines = watch(house, address, "--keys", files.receiver, "--stream", "gate", "--out", "seen")
        assert [(line["stream"], line["height"], line["width"]) for line in lines] == [("gate", *SEEN[:2])] * 3
        assert framehop.decode_jpeg((house.path / "seen" / "gate.jpg").read_bytes()).shape == SEEN


def test_without_the_key_nothing_comes_and_both_ends_say_why(
    house: House, running: subprocess.Popen[bytes], files: KeyFiles
) -> None:
    ours, others = files, create_keys(house.path / "others")
    stranger = json.loads(others.receiver.read_bytes()) | {"sender": json.loads(ours.receiver.read_bytes())["sender"]}
    others.receiver.write_text(json.dumps(stranger))
    with serving(house, "--listen", "127.0.0.1:0", "--keys", ours.sender) as (server, address):
        watcher = house.start("watch-frames", address, "--keys", others.receiver, "--json")
        assert watcher.stderr is not None
        assert server.stderr is not None
        assert b"refused the key" in watcher.stderr.readline()
        assert b"127.0.0.1 was refused" in server.stderr.readline()
        watcher.terminate()
        assert watcher.communicate(timeout=60)[0] == b""
    bare = house.framehop("serve-frames", "--listen", "127.0.0.1:0")
    assert bare.returncode == 1
    assert "framehop keys create" in bare.stderr


def test_a_stopped_watcher_holds_up_nobody(house: House, running: subprocess.Popen[bytes]) -> None:
    with serving(house, "--listen", "127.0.0.1:0", "--insecure", "--raw") as (server, address):
        watcher = house.start("watch-frames", address, "--insecure", "--json")
        assert watcher.stdout is not None
        assert watcher.stdout.readline()
        os.kill(watcher.pid, signal.SIGSTOP)
        before = house.events()
        assert watch(house, address, "--insecure")
        until(lambda: house.events() > before + 40, "events", 60)
        assert server.stderr is not None
        assert b"nothing was heard of it" in server.stderr.readline()
        os.kill(watcher.pid, signal.SIGCONT)
        for _ in range(3):
            assert watcher.stdout.readline()
        end(watcher)


def test_watching_begins_before_there_is_anything_to_watch(house: House) -> None:
    """A wrong address is refused at once; one where nobody is yet is waited for."""
    assert house.framehop("watch-frames", "nowhere", "--insecure").returncode == 1
    watcher = subprocess.Popen(
        [*FRAMEHOP, "watch-frames", "127.0.0.1:9", "--insecure"], env=house.env, stderr=subprocess.PIPE
    )
    assert watcher.stderr is not None
    assert b"no answer from 127.0.0.1:9" in watcher.stderr.readline()
    watcher.send_signal(signal.SIGINT)
    assert watcher.wait(60) == 130
    watcher.stderr.close()
