"""Tests what the processes of a running pipeline have loaded: whoever computes no pixels starts without NumPy."""

from __future__ import annotations

from pathlib import Path

from framehop.sources.testsrc import ShapesSource
from tests.system.harness import House
from tests.tiny_model import write_model
from tests.waiting import until

LIBRARIES = {"numpy": "_multiarray_umath", "onnxruntime": "onnxruntime_pybind11_state", "kafka": "librdkafka"}


def loaded(pid: int) -> set[str]:
    """Return which of LIBRARIES a process has mapped."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return {name for name, library in LIBRARIES.items() if library in maps}


def test_each_process_has_what_its_work_needs(house: House) -> None:
    folder = house.path / "pictures"
    folder.mkdir()
    pictures = ShapesSource(stream="cam", size=(96, 64), count=None).pictures()
    for number in range(200):
        (folder / f"{number:03}.jpg").write_bytes(next(pictures).payload)
    model = write_model(house.path)
    run = house.start("run", f"cam={folder}", "--log", house.log, "--model", model, "--rate", "5")
    until(lambda: house.events() > 2, "events", 120)
    detector = loaded(house.wait_for("detector-0").pid)
    others = [loaded(pid) for pid in (run.pid, house.wait_for("ingest-0").pid, house.wait_for("worker-0").pid)]
    run.terminate()
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 0, stderr.decode()
    assert detector == {"numpy", "onnxruntime"}
    assert others == [set()] * 3, "the supervisor, ingest and the worker"
