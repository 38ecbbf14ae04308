"""Ctrl-C on commands that work: they finish what they have begun, say so, and end with status 130."""

from __future__ import annotations

import signal
import subprocess

import framehop
from tests.system.harness import House, check_ledger, pictures_of
from tests.waiting import until

SHAPES = "testsrc:?size=320x240&count=40"


def _interrupted(process: subprocess.Popen[bytes]) -> str:
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr.decode()
    assert b"Traceback" not in stderr
    return stderr.decode()


def _frames(house: House) -> int:
    if not (house.log / "index.db").exists():
        return 0
    with framehop.open_log(house.log, create=False) as log:
        return sum(1 for _ in log.scan_frames())


def test_ingest_goes_on_where_it_was_interrupted(house: House) -> None:
    ingest = ("ingest", f"cam={SHAPES}", "--log", house.log, "--rate", "20")
    process = house.start(*ingest)
    until(lambda: _frames(house) > 2, "first frames", 30)
    assert "cam: " in _interrupted(process)
    kept = _frames(house)
    assert 2 < kept < 40
    assert house.framehop(*ingest, "--rate", "max").returncode == 0
    assert house.framehop("detect", "--log", house.log, "--until-idle", "1").returncode == 0
    check_ledger(house.log, {"cam": pictures_of(SHAPES)})


def test_detect_says_what_it_has_done(house: House) -> None:
    house.framehop("ingest", f"cam={SHAPES}", "--log", house.log, "--rate", "max")
    process = house.start("detect", "--log", house.log)
    until(lambda: house.events() > 0, "a first event", 60)
    said = _interrupted(process)
    assert "events written" in said
    assert "stopped: " in said


def test_tail_that_waits_and_tail_that_follows(house: House) -> None:
    waiting = house.start("tail", "--log", house.path / "none")
    assert waiting.stderr is not None
    assert b"waiting for the first" in waiting.stderr.readline()
    assert "interrupted" in _interrupted(waiting)
    house.run([f"cam={SHAPES}"])
    following = house.start("tail", "--log", house.log, "--from", "beginning", "--json")
    assert following.stdout is not None
    assert b'"seq":0' in following.stdout.readline()
    _interrupted(following)


def test_the_demo_ends_its_processes(house: House) -> None:
    demo = house.start("demo", "--dir", "demo")
    house.log = house.path / "demo" / "log"
    until(lambda: house.events() > 0, "a first event", 60)
    assert "stopped: " in _interrupted(demo)
