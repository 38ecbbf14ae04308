"""benchmarks/kafka.py runs and keeps what it says. Never: how fast anything is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks.kafka_io.command import Result
from benchmarks.kafka_io.runs import LIMIT, OURS, RAW
from tests.broker import Cluster

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--rounds", "1", "--sizes", "20000", "--megabytes", "1", "--latency-sizes", "20000", "--latency-s", "0.2"]


def command(*args: str | Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(ROOT / "benchmarks" / "kafka.py"), *map(str, args)]
    return subprocess.run(program, capture_output=True, text=True, timeout=170, check=False)


def test_one_command_measures_and_keeps(kafka_cluster: Cluster, tmp_path: Path) -> None:
    kept = tmp_path / "kafka.json"
    done = command("--bootstrap", kafka_cluster.bootstrap, *SMALL, "--json", kept)
    assert done.returncode == 0, done.stderr
    [taken] = msgspec.json.decode(kept.read_bytes(), type=Result).rounds
    for what in ("produce", "consume"):
        for who in (OURS, LIMIT, RAW):
            run = taken.runs[f"{what} 20000 {who}"]
            assert (run.messages, run.bytes) == (50, 1_000_000)
            assert run.wall_s > 0
    assert len(taken.latencies[f"20000 {OURS}"]) == len(taken.latencies[f"20000 {RAW}"]) >= 10
    assert command("--show", kept).stdout == done.stdout
