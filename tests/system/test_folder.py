"""A folder of pictures with broken ones of every kind among them, ingested in several goes while files come and go."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import framehop
from framehop.protocols import FrameLog
from framehop.sources.testsrc import ShapesSource
from framehop.types import Event
from tests.system.harness import House
from tests.tiny_model import write_model
from tests.waiting import until

STOPS = 5
SIZE = (96, 64)


def _huge(path: Path, whole: bytes) -> None:
    with path.open("wb") as file:
        file.write(whole[:3])
        file.truncate((32 << 20) + 1)


def _bomb(path: Path, _whole: bytes) -> None:
    path.write_bytes((Path(__file__).parents[1] / "cases" / "one_bad_byte.bmp").read_bytes())


def _cut(path: Path, whole: bytes) -> None:
    path.write_bytes(whole[: len(whole) // 2])


def _header(path: Path, whole: bytes) -> None:
    path.write_bytes(whole[:40])


def _of(data: bytes) -> Callable[[Path, bytes], None]:
    def write(path: Path, _whole: bytes) -> None:
        path.write_bytes(data)

    return write


def _nowhere(path: Path, _whole: bytes) -> None:
    path.symlink_to("is-not-there.jpg")


def _circle(path: Path, _whole: bytes) -> None:
    path.symlink_to(path.name)


def _pipe(path: Path, _whole: bytes) -> None:
    os.mkfifo(path)


BROKEN: dict[str, Callable[[Path, bytes], None]] = {
    "cut.jpg": _cut,
    "empty.jpg": _of(b""),
    "garbage.jpg": _of(bytes(range(256))),
    "garbage.png": _of(b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "header.jpg": _header,
    "huge.jpg": _huge,
    "bomb.bmp": _bomb,
    "nowhere.jpg": _nowhere,
    "circle.jpg": _circle,
    "pipe.jpg": _pipe,
}


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> int:
    return 10_000 if request.config.getoption("--soak") else 500


class Folder:
    """Files whose content is known by their name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._source = ShapesSource(stream="x", size=SIZE, rate=10.0, count=None)
        self.whole: set[str] = set()
        self.broken: set[str] = set()

    def add(self, number: int) -> None:
        self.whole.add(name := f"{number:06}.jpg")
        (self.path / name).write_bytes(self.bytes_of(name))

    def bytes_of(self, name: str) -> bytes:
        return next(iter(self._source.pictures(int(name[:6])))).payload

    def add_broken(self, number: int) -> None:
        kind = list(BROKEN)[number % len(BROKEN)]
        self.broken.add(name := f"{number * 9:06}-{kind}")
        BROKEN[kind](self.path / name, self.bytes_of("000000.jpg"))

    def remove(self, name: str) -> None:
        (self.path / name).unlink()


def _names(events: list[Event]) -> list[str]:
    """Return the names of the files that failed, out of the events' reasons."""
    return [event.reason.split(": ")[1].removesuffix(" is not a regular file").split(" has ")[0] for event in events]


@pytest.mark.timeout(1800)
def test_every_picture_once_or_a_word(house: House, pictures: int) -> None:
    dice = random.Random(20261129)
    folder = Folder(house.path / "pictures")
    folder.path.mkdir()
    for number in range(pictures):
        folder.add(number)
    for number in range(50):
        folder.add_broken(number)
    (folder.path / "notes.txt").write_text("no picture")
    taken_away: set[str] = set()
    with framehop.open_log(house.log) as log:
        for stop in range(STOPS):
            _ingest_a_part(house, folder, log, wanted=(stop + 1) * pictures // (STOPS + 2))
            there = {name for name in folder.whole if (folder.path / name).exists()}
            for name in dice.sample(sorted(there), 10):
                folder.remove(name)
                taken_away.add(name)
            for number in range(10):  # before and behind all others
                folder.add(pictures + 10 * stop + number)
        done = house.framehop(
            "ingest", f"cam={folder.path}", "--log", house.log, "--rate", "max", "--json", timeout_s=600
        )
        assert done.returncode == 0, done.stderr
        _check_account(json.loads(done.stdout)["streams"]["cam"])
        assert "left out: 1 no picture by its name or first bytes (notes.txt)" in done.stderr
        detect = house.framehop(
            "detect", "--log", house.log, "--until-idle", "1", "--model", write_model(house.path), timeout_s=900
        )
        assert detect.returncode == 0, detect.stderr
        _check_events(log, folder, taken_away)
    _check_audit(house)


def _check_audit(house: House) -> None:
    """It shows ingest's account beside its own sum."""
    done = house.framehop("audit", "--log", house.log)
    assert done.returncode == 0, done.stdout
    assert "left out: 1 no picture by its name or first bytes (notes.txt)" in done.stdout


def _ingest_a_part(house: House, folder: Folder, log: FrameLog, wanted: int) -> None:
    process = house.start("ingest", f"cam={folder.path}", "--log", house.log, "--rate", "100")
    until(lambda: sum(log.end_offsets().values()) >= wanted or process.poll() is not None, f"{wanted} frames", 300)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr.decode()
    assert b"Traceback" not in stderr, stderr.decode()


def _check_account(said: dict[str, Any]) -> None:
    assert said["seen"] == said["frames"] + sum(entry["count"] for entry in said["left_out"])


def _check_events(log: FrameLog, folder: Folder, taken_away: set[str]) -> None:
    with log.events() as reader:
        events = [record.event for record in reader]
    failed = [event for event in events if event.outcome == "failed"]
    assert sorted(_names(failed)) == sorted(folder.broken)
    found = [log.read_frame(event.frame) for event in events if event.outcome == "detected"]
    payloads = [bytes(record.payload or b"") for record in found if record is not None]
    by_bytes = {folder.bytes_of(name): name for name in folder.whole}
    names = [by_bytes[payload] for payload in payloads]
    assert len(names) == len(set(names)), "a picture came twice"
    assert folder.whole - taken_away <= set(names), "a picture is missing"


def test_a_killed_ingest_goes_on_with_what_is_there(house: House) -> None:
    """Within one run: the pictures that it had are moved away before its successor looks."""
    folder = Folder(house.path / "pictures")
    folder.path.mkdir()
    for number in range(60):
        folder.add(number)
    model = write_model(house.path)
    with framehop.open_log(house.log) as log:
        run = house.start("run", f"cam={folder.path}", "--log", house.log, "--model", model, "--rate", "10")
        until(lambda: sum(log.end_offsets().values()) >= 3, "three frames", 60)
        ingest = house.wait_for("ingest-0")
        ingest.suspend()
        had = sum(log.end_offsets().values())
        for number in range(min(had, 3)):
            folder.remove(f"{number:06}.jpg")
        ingest.kill()
        _, stderr = run.communicate(timeout=120)
        assert run.returncode == 0, stderr.decode()
        _check_events(log, folder, set())
        assert framehop.audit(log).ok
