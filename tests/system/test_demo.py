"""The first thing a newcomer runs."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import threading
from collections.abc import Collection
from pathlib import Path
from typing import IO

import av
import psutil
import pytest

import framehop
from framehop._core import read_jpeg_header
from framehop.errors import LogError
from tests.system.harness import House
from tests.system.ui import client_of
from tests.waiting import until

FRAMES = {"astronaut": 100, "bikes": 250, "chelsea": 100, "motorcycle": 100}


@pytest.mark.timeout(300)
def test_demo_leaves_a_wall_a_clean_log_and_a_report(house: House) -> None:
    house.env["XDG_CACHE_HOME"] = str(house.path / "cache")
    demo = house.start("demo", "--dir", "demo", "--ui")
    stdout, stderr = _looked_at(house, demo)
    assert demo.returncode == 0, stderr
    log = house.path / "demo" / "log"
    audit = json.loads(house.framehop("audit", "--log", log, "--json").stdout)
    assert {name: stream["frames"] for name, stream in audit["streams"].items()} == FRAMES
    assert (audit["frames"], audit["missing"], audit["duplicates"]) == (550, 0, 0)
    assert _share_with(log, "astronaut", "person") > 0.95
    assert _share_with(log, "chelsea", "cat") > 0.95
    assert _share_with(log, "motorcycle", "motorcycle") > 0.95
    with av.open(str(house.path / "demo" / "wall.mp4")) as wall:
        assert sum(1 for _ in wall.decode(video=0)) >= 120
    assert read_jpeg_header((house.path / "demo" / "first.jpg").read_bytes()).width == 1280
    assert "demo/first.jpg" in stderr
    for said in (
        "550 frames",
        "p99",
        "person",
        "chelsea: 100 frames, ",
        "nothing lost, nothing doubled",
        "demo/wall.mp4",
    ):
        assert said in stdout, said
    _type_what_it_says(house, stdout)


def _looked_at(house: House, demo: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Open the page that the demo tells of while it runs, and return what it said to its end."""
    assert demo.stdout is not None
    assert demo.stderr is not None
    said: list[str] = []
    reading = threading.Thread(target=_read_lines, args=(demo.stderr, said))
    reading.start()
    # Its sources last ten seconds, and a busy machine may take longer until there are boxes and a page.
    until(lambda: _streams_of(house.path / "demo" / "log") == FRAMES.keys(), "a frame of every stream", 120)
    ingest = house.wait_for("ingest-0")
    ingest.send_signal(signal.SIGSTOP)  # the demo is not over before it was looked at
    try:
        until(lambda: _address_in(said), "the page's address", 120)
        _look(_address_in(said))
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):  # who was silent for long is killed, and another goes on
            ingest.send_signal(signal.SIGCONT)
    stdout = demo.stdout.read().decode()
    demo.wait(240)
    reading.join()
    return stdout, "".join(said)


def _read_lines(pipe: IO[bytes], said: list[str]) -> None:
    said.extend(line.decode() for line in pipe)


def _address_in(said: list[str]) -> str:
    return next((found[0] for line in said if (found := re.search(r"http://\S+", line))), "")


def _streams_of(log: Path) -> Collection[str]:
    try:
        with framehop.open_log(log, create=False) as opened:
            return {meta.key.stream for meta in opened.scan_frames()}
    except LogError:  # it is not there yet
        return set()


def _look(address: str) -> None:
    with client_of(address) as client:

        def shown() -> Collection[str]:
            return {row["stream"] for row in client.get("/api/v1/streams").json()["streams"]}

        until(lambda: shown() == FRAMES.keys(), "the four streams on the page")
        for name in FRAMES:
            there = f"/api/v1/latest/{name}?width=320"
            until(lambda: client.get(there).status_code == 200, f"a picture of {name}")  # noqa: B023


def _type_what_it_says(house: House, said: str) -> None:
    """The last lines are commands for the shell that the demo was started from."""
    lines = said.partition("next:\n")[2].splitlines()
    assert len(lines) == 5
    for line in lines[:3]:
        done = subprocess.run(
            line, shell=True, cwd=house.path, env=house.env, capture_output=True, timeout=120, check=False
        )
        assert done.returncode == 0, (line, done.stderr)
    assert (house.path / "demo" / "bikes.mp4").stat().st_size > 0


def _share_with(log_path: object, stream: str, label: str) -> float:
    """The share of a stream's events that hold an object of this label."""
    with framehop.open_log(str(log_path), create=False) as log, log.events() as reader:
        found = [any(item.label == label for item in r.event.objects) for r in reader if r.event.stream == stream]
    return sum(found) / len(found)


def test_demo_deletes_only_what_it_made(house: House) -> None:
    (house.path / "mine").mkdir()
    (house.path / "mine" / "thesis.txt").write_text("ten years")
    done = house.framehop("demo", "--dir", "mine")
    assert done.returncode == 1
    assert "--dir" in done.stderr
    assert (house.path / "mine" / "thesis.txt").read_text() == "ten years"
