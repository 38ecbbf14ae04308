"""benchmarks/preprocess.py runs, compares the tensors it says it compares, and keeps what it says. Never: how fast anything is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.harness.machine import Load
from benchmarks.harness.processes import BenchmarkError
from benchmarks.preprocessing.cases import CASES
from benchmarks.preprocessing.parity import difference
from benchmarks.preprocessing.results import LIMIT, OURS, Result, Round, Run, key, ratio

ROOT = Path(__file__).resolve().parents[2]
CASE = CASES["720p to 300"]
SMALL = ["--rounds", "1", "--count", "1", "--cases", CASE.name]


def command(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Started elsewhere, as a user might."""
    program = [sys.executable, str(ROOT / "benchmarks" / "preprocess.py"), *map(str, args)]
    return subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.system
def test_one_command_measures_compares_and_keeps(tmp_path: Path) -> None:
    kept = tmp_path / "results" / "preprocess.json"
    done = command(*SMALL, "--json", kept)
    assert done.returncode == 0, done.stderr
    result = msgspec.json.decode(kept.read_bytes(), type=Result)
    [taken] = result.rounds
    for work in ("jpeg", "pixels"):
        assert {key(work, CASE.name, who) for who in (OURS, LIMIT)} <= set(taken.runs)
    assert taken.difference[key("pixels", CASE.name, "NumPy")] < 0.01
    assert all(run.pictures == 1 for run in taken.runs.values())
    assert command("--show", kept).stdout == done.stdout


def test_other_tensors_make_the_figures_void() -> None:
    ours = np.zeros((1, 300, 300, 3), np.float32)
    theirs = ours.copy()
    theirs[0, 7, 9, 1] = CASE.scale
    assert difference(CASE, "pixels", ours, theirs, who="peer") == pytest.approx(1.0, abs=1e-3)
    theirs[0, 7, 9, 1] = 2 * CASE.scale
    with pytest.raises(BenchmarkError, match=r"2\.00 grey levels"):
        difference(CASE, "pixels", ours, theirs, who="peer")
    assert difference(CASE, "jpeg", ours, theirs, who="peer") < 0.01
    with pytest.raises(BenchmarkError, match="peer"):
        difference(CASE, "jpeg", ours, theirs + np.float32(13 * CASE.scale), who="peer")
    with pytest.raises(BenchmarkError, match="makes"):
        difference(CASE, "jpeg", ours, theirs[:, :299], who="peer")
    with pytest.raises(BenchmarkError, match="nan"):
        difference(CASE, "jpeg", ours, theirs + np.float32(np.nan), who="peer")


def taken_round(ours_s: float, theirs_s: float) -> Round:
    runs = {
        key("jpeg", CASE.name, who): Run(pictures=10, wall_s=9.0, cpu_s=cpu_s)
        for who, cpu_s in ((OURS, ours_s), ("cv2", theirs_s))
    }
    return Round(
        load=Load(average=0.0, busy_cores=0.0), order=list(runs), runs=runs, difference={}, others_busy_cores=0.0
    )


def test_ratios_are_taken_within_a_round() -> None:
    rounds = [taken_round(1.0, 3.0), taken_round(2.0, 4.0)]
    found = ratio(rounds, "jpeg", CASE.name, "cv2")
    assert found is not None
    assert (found.lowest, found.highest) == (2.0, 3.0)
    assert ratio(rounds, "jpeg", CASE.name, "DALI") is None
