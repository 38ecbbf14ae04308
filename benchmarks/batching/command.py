"""benchmarks/detector.py: every case once in each round, everyone in turns and in fresh processes, and the table."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from benchmarks.batching.report import markdown
from benchmarks.batching.results import OURS, PEERS, Case, Figures, Job, Result, Round, Run, Workload
from benchmarks.batching.workload import PICTURES, make
from benchmarks.harness.carrying_out import carry_out, say
from benchmarks.harness.machine import Load, Others, before, describe, during, look
from benchmarks.harness.processes import ROOT, BenchmarkError, run_fresh
from benchmarks.whole_worker.boxes import compare
from benchmarks.whole_worker.workload import MODEL
from framehop._core import __version__ as framehop_build
from framehop.config.environment import with_huge_pages
from framehop.inference import load_model

PACKAGE = "benchmarks.batching"
LEAD = PICTURES  # after so many answers as many are on their way as ever will be
VERSIONS = ("onnxruntime", "numpy")
Turn = tuple[Case, str]


def main() -> int:
    options = arguments()

    def measure(started_at: datetime) -> Result:
        with tempfile.TemporaryDirectory(prefix="framehop-bench-") as directory:
            return benchmark(options, Path(directory), started_at)

    return carry_out("detector", options, Result, measure, markdown)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/detector.py", description="The detector against bare loops.")
    parser.add_argument("--rounds", type=_positive, default=5, help="everyone runs once in each [5]")
    parser.add_argument("--pictures", type=_positive, default=400, help="of each run at full load [400]")
    parser.add_argument("--alone", type=_positive, default=96, help="pictures one at a time, in each run [96]")
    parser.add_argument("--batches", type=_batches, default=[1, 4, 8], metavar="N,…", help="[1,4,8]")
    parser.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="of the JPEGs [1280x720]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/detector-DATE.json")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print the tables of a result kept before")
    return parser.parse_args()


def benchmark(options: argparse.Namespace, directory: Path, started_at: datetime) -> Result:
    pictures = directory / "pictures.npy"
    shape = make(pictures, options.size)
    turns = [(case, who) for case in cases(options.batches) for who in (OURS, *PEERS)]
    warnings: list[str] = []
    rounds: list[Round] = []
    for number in range(options.rounds):
        seen = look()
        warnings += before(seen, first=not rounds)
        say(f"round {number + 1} of {options.rounds}")
        rounds.append(one_round(turns[::-1] if number % 2 else turns, options, pictures, seen))
        warnings += during(rounds[-1].others_busy_cores)
    width, height = options.size
    return Result(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=describe(VERSIONS, ROOT, {"framehop": framehop_build}),
        workload=Workload(
            pictures=PICTURES,
            width=width,
            height=height,
            shape=shape,
            model=MODEL,
            measured=options.pictures,
            alone=options.alone,
        ),
        warnings=warnings,
        rounds=rounds,
    )


def cases(batches: Sequence[int]) -> list[Case]:
    """Return the detector as it is by default, with a lane per core, and one run on all cores with each of the batches."""
    cores = len(os.sched_getaffinity(0))
    return [*([Case(cores, 1)] if cores > 1 else []), *(Case(1, batch) for batch in batches)]


def one_round(turns: Sequence[Turn], options: argparse.Namespace, pictures: Path, seen: Load) -> Round:
    """Everyone once in every case; `turns` says in which order."""
    with Others() as others:
        ran = {(case.name, who): one_run(case, who, options, pictures) for case, who in turns}
    runs = {case.name: {who: ran[case.name, who] for who in (OURS, *PEERS)} for case in cases(options.batches)}
    equal, borderline = same_boxes(runs)
    return Round(
        load=seen,
        order=[(case.name, who) for case, who in turns],
        runs={
            name: {who: Figures(full=run.full, alone_ms=run.alone_ms) for who, run in of_case.items()}
            for name, of_case in runs.items()
        },
        compared=equal,
        borderline=borderline,
        others_busy_cores=others.busy_cores,
    )


def one_run(case: Case, who: str, options: argparse.Namespace, pictures: Path) -> Run:
    job = Job(
        case=case,
        pictures=str(pictures),
        size=options.size,
        lead=LEAD,
        measured=options.pictures,
        alone=options.alone,
    )
    said = msgspec.json.encode(job).decode()
    words = [f"{PACKAGE}.ours", said] if who == OURS else [f"{PACKAGE}.bare", who, said]
    run = msgspec.json.decode(run_fresh(*words, environment=with_huge_pages()), type=Run)
    say(f"  {case.name}, {who}: {run.full.fps:.1f} pictures/s, {run.full.cpu_ms_per_frame:.2f} CPU-ms each")
    return run


def same_boxes(runs: dict[str, dict[str, Run]]) -> tuple[int, int]:
    """Assert that every peer found what framehop found, at full load and alone; return how many boxes were equal, and how many
    borderline."""
    threshold = load_model(MODEL).overrides.score_threshold or 0.0
    found = [
        compare(of_case[OURS].found, of_case[peer].found, threshold=threshold, peer=f"{case}, {peer}")
        for case, of_case in runs.items()
        for peer in PEERS
    ]
    equal = sum(each.equal for each in found)
    if not equal:
        raise BenchmarkError("nobody found anything: the comparison means nothing")
    return equal, sum(each.borderline for each in found)


def _batches(text: str) -> list[int]:
    return sorted({_positive(each) for each in text.split(",")})


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return _positive(width), _positive(height)
