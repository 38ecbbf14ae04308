"""The command: everyone in turns, in fresh processes; tensors compared; figures kept."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.harness.carrying_out import carry_out, say
from benchmarks.harness.machine import Others, before, describe, during, look
from benchmarks.harness.processes import ROOT, BenchmarkError
from benchmarks.preprocessing.cases import CASES, WORKS, Work
from benchmarks.preprocessing.parity import difference
from benchmarks.preprocessing.results import DALI, LIMIT, OURS, Result, Round, Run, key, markdown
from benchmarks.preprocessing.workload import place_of, prepare
from benchmarks.whole_worker.workload import PICTURES
from framehop._core import __version__ as framehop_build
from framehop.inference.preprocess import dali_installed

DEADLINE_S = 900.0
OPENCV: dict[Work, tuple[str, ...]] = {
    "jpeg": ("cv2 blob", "cv2 blob, half scale", "cv2 + NumPy"),
    "pixels": ("cv2 blob", "cv2 + NumPy"),
}
NUMPY: dict[Work, tuple[str, ...]] = {"jpeg": (), "pixels": ("NumPy",)}
_VERSION = "import {0}; print({0}.__version__)"


def main() -> int:
    options = _arguments()

    def measure(started_at: datetime) -> Result:
        with tempfile.TemporaryDirectory(prefix="framehop-bench-") as directory:
            return _benchmark(options, Path(directory), started_at)

    return carry_out("preprocess", options, Result, measure, markdown)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/preprocess.py", description="Tensors, by framehop and by others.")
    parser.add_argument("--rounds", type=_positive, default=5, help="everyone runs once in each [5]")
    parser.add_argument("--count", type=_positive, default=200, help="pictures per run [200]")
    parser.add_argument(
        "--cases", nargs="+", choices=CASES, default=list(CASES), metavar="NAME", help=f"some of {[*CASES]} [all]"
    )
    parser.add_argument("--peers-python", default=sys.executable, help="an interpreter with OpenCV [this one]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/preprocess-DATE.json")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print the tables of a result kept before")
    return parser.parse_args()


def _benchmark(options: argparse.Namespace, directory: Path, started_at: datetime) -> Result:
    say("making pictures")
    prepare(directory, options.cases)
    peers = _versions(options.peers_python)
    ways = list(_ways(options.cases, peers))
    warnings: list[str] = []
    rounds = []
    for number in range(options.rounds):
        load = look()
        warnings += before(load, first=number == 0)
        say(f"round {number + 1} of {options.rounds}")
        with Others() as others:
            order = ways if number % 2 == 0 else ways[::-1]
            runs, tensors = _round(order, directory, options)
        warnings += during(others.busy_cores)
        rounds.append(
            Round(
                load=load,
                order=[key(*way) for way in order],
                runs=runs,
                difference=_differences(tensors),
                others_busy_cores=others.busy_cores,
            )
        )
    return Result(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=describe(("nvidia-dali-cuda130",), ROOT, {"framehop": framehop_build} | peers),
        pictures=list(PICTURES),
        cases=options.cases,
        count=options.count,
        warnings=list(dict.fromkeys(warnings)),
        rounds=rounds,
    )


def _ways(cases: list[str], peers: dict[str, str]) -> Iterator[tuple[Work, str, str]]:
    """Yield (work, case, who) of everyone that is installed."""
    for work in WORKS:
        for case in cases:
            found = (OURS, LIMIT, *NUMPY[work])
            found += OPENCV[work] if "cv2" in peers else ()
            found += (DALI,) if dali_installed() else ()
            yield from ((work, case, who) for who in found)


def _versions(python: str) -> dict[str, str]:
    """Return the versions of NumPy and OpenCV that the peers run with; without OpenCV it is left out, and said."""
    found = {}
    for name in ("numpy", "cv2"):
        try:
            done = subprocess.run([python, "-c", _VERSION.format(name)], capture_output=True, text=True, check=False)
        except OSError as error:
            raise BenchmarkError(f"--peers-python {python} does not run: {error}") from error
        if done.returncode == 0:
            found[name] = done.stdout.strip()
        else:
            say(f"{python} has no {name}: it is left out (benchmarks/preprocessing/requirements.txt)")
    return found


def _round(
    order: list[tuple[Work, str, str]], directory: Path, options: argparse.Namespace
) -> tuple[dict[str, Run], dict[tuple[Work, str, str], np.ndarray]]:
    runs, tensors = {}, {}
    for work, case, who in order:
        place = place_of(directory, work, case)
        runs[key(work, case, who)] = run = _run(who, work, case, place, options)
        tensors[work, case, who] = np.load(place / "tensors.npy")
        say(f"  {key(work, case, who)}: {run.cpu_ms:.2f} CPU-ms a picture")
    return runs, tensors


def _run(who: str, work: str, case: str, place: Path, options: argparse.Namespace) -> Run:
    ours = who in {OURS, LIMIT, DALI}
    python, module = (sys.executable, "ours") if ours else (options.peers_python, "peers")
    words = [python, "-m", f"benchmarks.preprocessing.{module}", who, work, case, str(place), str(options.count)]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        words, cwd=ROOT, env=os.environ | one_thread, stdout=subprocess.PIPE, check=False, timeout=DEADLINE_S
    )
    if done.returncode:
        raise BenchmarkError(f"{who} ended with status {done.returncode}: see its message above")
    return msgspec.convert(json.loads(done.stdout), Run)


def _differences(tensors: dict[tuple[Work, str, str], np.ndarray]) -> dict[str, float]:
    """Compare everyone's tensors with framehop's; the limit makes none."""
    return {
        key(work, case, who): difference(CASES[case], work, tensors[work, case, OURS], found, who=who)
        for (work, case, who), found in tensors.items()
        if who not in {OURS, LIMIT}
    }


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value
