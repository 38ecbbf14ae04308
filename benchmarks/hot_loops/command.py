"""The command: builds the loops, counts their instructions, compares them with those that are kept."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks.harness.machine import describe
from benchmarks.harness.processes import ROOT, BenchmarkError
from benchmarks.hot_loops.counting import check_valgrind, names, per_turn
from benchmarks.hot_loops.results import Counts, comparable, table, worse

KEPT = ROOT / "benchmarks" / "results" / "instructions.json"
PROGRAM = ROOT / "build" / "bench" / "cpp" / "bench" / "framehop_hot_loops"


def main() -> int:
    options = _arguments()
    try:
        check_valgrind()
        program = options.program or _built()
        now = _count(program)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: nothing is kept", file=sys.stderr)
        return 130
    kept = msgspec.json.decode(KEPT.read_bytes(), type=Counts) if KEPT.exists() else None
    print(table(kept, now))
    if options.keep:
        KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(now), indent=1) + b"\n")
        print(f"kept in {KEPT}", file=sys.stderr)
        return 0
    return _judged(kept, now)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/instructions.py", description="Instructions of the hot loops.")
    parser.add_argument("--keep", action="store_true", help="keep the counts, for others to compare with")
    parser.add_argument(
        "--program", type=Path, metavar="FILE", help="framehop_hot_loops; default: the preset bench builds it"
    )
    return parser.parse_args()


def _built() -> Path:
    """Build the preset's program; what the build says is shown if it fails."""
    for step in (["--preset", "bench"], ["--build", "--preset", "bench", "--target", "framehop_hot_loops"]):
        done = subprocess.run(["cmake", *step], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkError(f"cmake {' '.join(step)} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return PROGRAM


def _count(program: Path) -> Counts:
    counts = {}
    for name in names(program):
        print(name, file=sys.stderr, flush=True)
        counts[name] = per_turn(program, name)
    machine = describe((), ROOT, {})
    return Counts(
        compiler=_first_line("c++", "--version"),
        libjpeg=_first_line("pkg-config", "--modversion", "libjpeg"),
        processor=machine.cpu,
        commit=machine.commit,
        counts=counts,
    )


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.partition("\n")[0]


def _judged(kept: Counts | None, now: Counts) -> int:
    """Say what the comparison means; return the command's status."""
    if kept is None:
        print(f"no counts are kept yet: --keep keeps these in {KEPT}", file=sys.stderr)
        return 0
    if not comparable(kept, now):
        print(
            "compiler, libjpeg or processor are others than those of the kept counts: this proves nothing",
            file=sys.stderr,
        )
        return 0
    if found := worse(kept, now):
        print(f"more instructions than kept: {', '.join(found)}", file=sys.stderr)
    return 1 if found else 0
