"""benchmarks/video.py runs and keeps what it says. Never: how fast anything is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.films.command import Result
from framehop import _core

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 12


def command(*args: str | Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(ROOT / "benchmarks" / "video.py"), *map(str, args)]
    return subprocess.run(program, capture_output=True, text=True, timeout=170, check=False)


def test_one_command_measures_and_keeps(tmp_path: Path) -> None:
    kept = tmp_path / "video.json"
    done = command("--rounds", "1", "--frames", str(FRAMES), "--restarts", "20", "--json", kept)
    assert done.returncode == 0, done.stderr
    [taken] = msgspec.json.decode(kept.read_bytes(), type=Result).rounds
    for what in ("copy", "jpeg", "slots", "pyav", "bare decode", "bare rgb"):
        assert taken.runs[what].frames == FRAMES, what
    for codec in ("copy", "jpeg"):
        assert taken.runs[f"run {codec}"].frames == 4 * FRAMES
    assert 0 < taken.runs["copy"].bytes < taken.runs["jpeg"].bytes
    assert command("--show", kept).stdout == done.stdout
