"""benchmarks/detector.py measures a detector and its peers, compares their boxes, and keeps what it measures. Never: how fast
anything is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.batching.results import OURS, PEERS, Result

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 500


def command(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Started elsewhere, as a user might."""
    program = [sys.executable, str(ROOT / "benchmarks" / "detector.py"), *map(str, args)]
    return subprocess.run(program, capture_output=True, text=True, timeout=WAIT_S, check=False)


@pytest.mark.timeout(
    WAIT_S + 100
)  # six processes load a network, one after the other, and many tests may run beside them
def test_one_command_measures_compares_and_keeps(tmp_path: Path) -> None:
    kept = tmp_path / "detector.json"
    done = command(
        "--rounds", "1", "--pictures", "4", "--alone", "2", "--batches", "2", "--size", "400x300", "--json", kept
    )
    assert done.returncode == 0, done.stderr
    [taken] = msgspec.json.decode(kept.read_bytes(), type=Result).rounds
    lanes = [f"{cores} lanes"] if (cores := len(os.sched_getaffinity(0))) > 1 else []
    assert list(taken.runs) == [*lanes, "batch 2"]
    for runs in taken.runs.values():
        assert set(runs) == {OURS, *PEERS}
        assert all(run.full.frames >= 4 and len(run.alone_ms) == 2 for run in runs.values())
        assert set(runs[OURS].full.cpu_s) == {"detector", "writer"}
    assert taken.compared > 0
    assert command("--show", kept).stdout == done.stdout
