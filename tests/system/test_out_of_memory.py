"""One process of a pipeline has no memory left: it ends, another takes its place, and nobody else notices."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

import framehop
from tests.system.harness import House, check_ledger, pictures_of
from tests.waiting import until

COUNT = 40
BATCH = 8
SHAPES = f"testsrc:?size=320x240&count={COUNT}"


@pytest.fixture
def house(house: House) -> House:
    house.env["MALLOC_ARENA_MAX"] = "1"  # the address space that other arenas have reserved would be memory left
    return house


def starve(process: psutil.Process) -> None:
    """It keeps what it has, and gets nothing more."""
    resource.prlimit(process.pid, resource.RLIMIT_AS, (1 << 20, 1 << 20))


def write_growing_pictures(folder: Path) -> None:
    """Progressive JPEGs, each larger than all before: to read and to decode them takes ever more memory."""
    folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    for number in range(COUNT):
        side = 400 + 40 * number
        Image.fromarray(noise[:side, :side]).save(folder / f"{number:03}.jpg", quality=20, progressive=True)


def check(house: House, report: Path, victims: list[str], sources: list[str]) -> None:
    said = json.loads(report.read_text())
    assert [end["process"] for end in said["incidents"]] == victims
    assert said["status"]["failed"] == 0, "a picture was blamed"
    check_ledger(house.log, {source.split("=")[0]: pictures_of(source) for source in sources})


@pytest.mark.parametrize("victim", ["ingest-0", "worker-0"])
def test_only_the_starved_process_ends(house: House, victim: str) -> None:
    write_growing_pictures(house.path / "growing")
    sources = [f"growing={house.path / 'growing'}", f"shapes={SHAPES}"]
    report = house.path / "report.json"
    run = house.start("run", *sources, "--log", house.log, "--rate", "10", "--report", report)
    # Ingest ends by itself when all is in the log, however long the first event takes.
    at_work = (lambda: _frames(house) > 0) if victim == "ingest-0" else (lambda: house.events() > 0)
    until(at_work, f"the first work of {victim}", 60)
    starve(house.processes(victim)[0])
    _, stderr = run.communicate(timeout=120)
    assert run.returncode == 0, stderr.decode()
    check(house, report, [victim], sources)


def _frames(house: House) -> int:
    if not (house.log / "index.db").exists():
        return 0
    with framehop.open_log(house.log, create=False) as log:
        return sum(log.end_offsets().values())


def test_a_detector_has_from_its_start_what_its_largest_batch_needs(house: House) -> None:
    """It has only ever seen one picture at a time when it finds a batch, and gets no more memory."""
    report = house.path / "report.json"
    first, then = "one=testsrc:?size=320x240&count=1", f"many={SHAPES}"
    run = _detect_one(house, first, report)
    detector = house.processes("detector-0")[0]
    detector.suspend()
    assert house.framehop("ingest", then, "--log", house.log, "--rate", "max").returncode == 0
    starve(detector)
    detector.resume()
    _ended_with(house, run, 1 + COUNT)
    check(house, report, [], [first, then])


def test_a_detector_that_has_no_memory_for_its_model_is_started_again(house: House) -> None:
    report = house.path / "report.json"
    assert house.framehop("ingest", SHAPES, "--log", house.log, "--stream", "shapes", "--rate", "max").returncode == 0
    run = house.start("detect", "--log", house.log, "--report", report)
    detector = house.wait_for("detector-0")
    until(lambda: any("onnxruntime" in part.path for part in detector.memory_maps()), "a runtime without its model", 60)
    starve(detector)
    _ended_with(house, run, COUNT)
    check(house, report, ["detector-0"], [f"shapes={SHAPES}"])


def _detect_one(house: House, source: str, report: Path) -> subprocess.Popen[bytes]:
    """A pipeline at work, whose detector has seen one picture."""
    assert house.framehop("ingest", source, "--log", house.log).returncode == 0
    run = house.start("detect", "--log", house.log, "--max-batch", str(BATCH), "--report", report)
    until(lambda: house.events() == 1, "the first event", 60)
    return run


def _ended_with(house: House, run: subprocess.Popen[bytes], events: int) -> None:
    until(lambda: house.events() == events or run.poll() is not None, "all events", 120)
    assert run.poll() is None, run.communicate()[1].decode()
    run.send_signal(signal.SIGTERM)
    _, stderr = run.communicate(timeout=20)
    assert run.returncode == 0, stderr.decode()
