"""The benchmark of cheaper inferences runs, and compares what it says it compares. Never: how fast anything is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.accuracy.scoring import Found
from benchmarks.harness.processes import ROOT
from benchmarks.networks.results import FLOAT, Result, kept

CAT = Found("cat", 0.9, (10.0, 10.0, 50.0, 50.0))
LOWER = CAT._replace(box=(10.0, 20.0, 50.0, 50.0))  # IoU 0.75
WEAK = CAT._replace(score=0.4)


def command(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Started elsewhere, as a user might."""
    program = [sys.executable, str(ROOT / "benchmarks" / "inference.py"), *map(str, args)]
    return subprocess.run(program, capture_output=True, text=True, timeout=170, check=False)


def test_one_command_measures_compares_and_keeps(tmp_path: Path) -> None:
    path = tmp_path / "inference.json"
    done = command("--rounds", "1", "--runs", "1", "--json", path)
    assert done.returncode == 0, done.stderr
    result = msgspec.json.decode(path.read_bytes(), type=Result)
    [taken] = result.rounds
    assert set(taken) == set(result.found) == {FLOAT}
    assert taken[FLOAT].provider == "CPUExecutionProvider"
    assert all(each.cpu_s > 0 for each in taken[FLOAT].by_lanes.values())
    assert sum(map(len, result.found[FLOAT])) > 50, "the labelled pictures hold 88 objects"
    assert kept(result.found[FLOAT], result.found[FLOAT], result.threshold) == pytest.approx((1.0, 1.0))
    assert command("--show", path).stdout == done.stdout


@pytest.mark.parametrize(
    ("after", "expected"),
    [([CAT], (1.0, 1.0)), ([LOWER], (1.0, 0.75)), ([WEAK], (0.0, 0.0)), ([CAT._replace(label="dog")], (0.0, 0.0))],
)
def test_objects_are_found_again_by_label_and_place(after: list[Found], expected: tuple[float, float]) -> None:
    assert kept([[CAT, WEAK]], [after], 0.5) == pytest.approx(expected)
