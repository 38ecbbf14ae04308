"""The first thing a newcomer runs."""

from __future__ import annotations

import json
import subprocess

import av
import pytest

import framehop
from framehop._core import read_jpeg_header
from tests.system.harness import House


@pytest.mark.timeout(300)
def test_demo_leaves_a_wall_a_clean_log_and_a_report(house: House) -> None:
    done = house.framehop("demo", "--dir", "demo", timeout_s=240)
    assert done.returncode == 0, done.stderr
    log = house.path / "demo" / "log"
    audit = json.loads(house.framehop("audit", "--log", log, "--json").stdout)
    assert {name: stream["frames"] for name, stream in audit["streams"].items()} == {
        "astronaut": 100,
        "bikes": 250,
        "chelsea": 100,
        "motorcycle": 100,
    }
    assert (audit["frames"], audit["missing"], audit["duplicates"]) == (550, 0, 0)
    assert _share_with(log, "astronaut", "person") > 0.95
    assert _share_with(log, "chelsea", "cat") > 0.95
    assert _share_with(log, "motorcycle", "motorcycle") > 0.95
    with av.open(str(house.path / "demo" / "wall.mp4")) as wall:
        assert sum(1 for _ in wall.decode(video=0)) >= 120
    assert read_jpeg_header((house.path / "demo" / "first.jpg").read_bytes()).width == 1280
    assert "demo/first.jpg" in done.stderr
    for said in (
        "550 frames",
        "p99",
        "person",
        "chelsea: 100 frames, ",
        "nothing lost, nothing doubled",
        "demo/wall.mp4",
    ):
        assert said in done.stdout, said
    _type_what_it_says(house, done.stdout)


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
