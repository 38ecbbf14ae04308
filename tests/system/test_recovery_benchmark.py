"""benchmarks/recovery.py brings its faults about and keeps what it says. Never: how fast anything is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.outages.command import Result
from tests.tiny_model import write_model

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    "--rounds",
    "1",
    "--cases",
    "host,transaction,broker",
    "--streams",
    "2",
    "--rate",
    "20",
    "--session",
    "1",
]


def command(*args: str | Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(ROOT / "benchmarks" / "recovery.py"), *map(str, args)]
    return subprocess.run(program, capture_output=True, text=True, timeout=170, check=False)


def test_one_command_measures_and_keeps(tmp_path: Path) -> None:
    kept = tmp_path / "recovery.json"
    done = command(*SMALL, "--size", "64x48", "--model", write_model(tmp_path), "--json", kept)
    assert done.returncode == 0, done.stderr
    [taken] = msgspec.json.decode(kept.read_bytes(), type=Result).rounds
    streams = {name: len(each.seconds) for name, each in taken.items()}
    assert streams == {"host": 1, "transaction": 2, "broker": 2}
    assert all(0 < each.last < 60 for each in taken.values())
    assert taken["broker"].last > taken["broker"].notes["until the broker was ready"] / 2
    assert command("--show", kept).stdout == done.stdout
