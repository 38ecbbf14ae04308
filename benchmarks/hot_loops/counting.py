"""Counts the instructions of one turn of a loop."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from benchmarks.harness.processes import BenchmarkError

TIMES = (1, 3)  # their difference leaves out what comes before the loop
DEADLINE_S = 600.0
_COLLECTED = re.compile(r"Collected : ([0-9]+)")


def check_valgrind() -> None:
    """Raise BenchmarkError if valgrind is not installed."""
    if shutil.which("valgrind") is None:
        raise BenchmarkError("instructions are counted by valgrind, which is not installed: apt-get install valgrind")


def names(program: Path) -> list[str]:
    """Return the names of the loops."""
    done = subprocess.run([program], capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    return done.stdout.splitlines()


def per_turn(program: Path, name: str) -> int:
    """Return the instructions of one turn of the loop. Raises BenchmarkError."""
    few, many = (_counted(program, name, times) for times in TIMES)
    return (many - few) // (TIMES[1] - TIMES[0])


def _counted(program: Path, name: str, times: int) -> int:
    words = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program), name, str(times)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    if done.returncode:
        raise BenchmarkError(f"{name!r} under valgrind ended with status {done.returncode}: {done.stderr[-2000:]}")
    return collected(done.stderr)


def collected(report: str) -> int:
    """Return the count that callgrind reports. Raises BenchmarkError if there is none."""
    found = _COLLECTED.search(report)
    if found is None:
        raise BenchmarkError(f"valgrind reports no count: {report[-2000:]}")
    return int(found[1])
