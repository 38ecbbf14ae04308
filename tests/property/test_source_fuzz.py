"""No file, however damaged, makes the source path raise anything but a FramehopError, crash or take memory without bound."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SEED = 20261129


def _fuzz(folder: Path, seed: int, count: int, timeout_s: float) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.source_fuzz", str(folder), str(seed), str(count)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert all(outcome in done.stdout for outcome in ("'pictures'", "'failed'", "'SourceError'")), done.stdout


def test_damaged_files(tmp_path: Path) -> None:
    _fuzz(tmp_path, SEED, 200, 120)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 9))
def test_many_damaged_files(tmp_path: Path, seed: int) -> None:
    _fuzz(tmp_path, seed, 5000, 1800)
