"""The command: makes the log, runs everyone in turns, compares the boxes, keeps the figures."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

import msgspec

from benchmarks.harness.carrying_out import carry_out, say
from benchmarks.harness.machine import Load, Others, before, describe, during, look
from benchmarks.harness.processes import ROOT, BenchmarkError, run_fresh
from benchmarks.whole_worker.boxes import SCORE_TOLERANCE, SIDE_TOLERANCE, compare
from benchmarks.whole_worker.report import OURS, markdown, summarise
from benchmarks.whole_worker.results import Result, Round, Run, Workload
from benchmarks.whole_worker.workload import MODEL, PICTURES, make_log
from framehop._core import __version__ as framehop_build
from framehop.inference import load_model

PEERS = {
    "bare, batch 1": ["--batch", "1"],
    "bare, batch 8": ["--batch", "8"],
    "bare, batch 1, decode pool": ["--batch", "1", "--pool"],
    "bare, batch 8, decode pool": ["--batch", "8", "--pool"],
    "bare, a thread per core": ["--lanes"],
}
STAGES = "stages alone"
PACKAGE = "benchmarks.whole_worker"
SLACK = 32  # frames: the commits at which a measurement begins and ends may each bring some more than were waited for
VERSIONS = ("onnxruntime", "numpy", "pyzmq", "apsw", "msgspec", "scikit-image")


def main() -> int:
    options = arguments()

    def measure(started_at: datetime) -> Result:
        with tempfile.TemporaryDirectory(prefix="framehop-bench-") as directory:
            return benchmark(options, Path(directory) / "log", started_at)

    return carry_out("pipeline", options, Result, measure, markdown)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/pipeline.py", description="The whole worker against a bare loop.")
    parser.add_argument("--rounds", type=_positive, default=5, help="everyone runs once in each [5]")
    parser.add_argument("--frames", type=_positive, default=300, help="measured frames per run [300]")
    parser.add_argument("--streams", type=_positive, default=4)
    parser.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="of the JPEGs [1280x720]")
    parser.add_argument("--slots", type=_positive, default=32, help="pictures in the worker's ring [32]")
    parser.add_argument("--max-batch", type=_positive, default=8, help="framehop's most pictures in one inference [8]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/pipeline-DATE.json")
    parser.add_argument(
        "--show", type=Path, metavar="FILE", help="print the table of a result kept before, run nothing"
    )
    return parser.parse_args()


def benchmark(options: argparse.Namespace, log: Path, started_at: datetime) -> Result:
    load = prepare(options, log)
    warnings: list[str] = []
    rounds = []
    for number in range(options.rounds):
        seen = look()
        warnings += warn(before(seen, first=number == 0))
        say(f"round {number + 1} of {options.rounds}")
        rounds.append(one_round(log, load, number, seen))
        warnings += warn(during(rounds[-1].others_busy_cores))
    machine = describe(VERSIONS, ROOT, {"framehop": framehop_build})
    return Result(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=machine,
        workload=load,
        tolerance={"score": SCORE_TOLERANCE, "side_px": SIDE_TOLERANCE},
        warnings=warnings,
        rounds=rounds,
        summary=summarise(rounds, machine.cores),
    )


def warn(complaints: list[str]) -> list[str]:
    for complaint in complaints:
        say(f"warning: {complaint}: these figures are not to be published")
    return complaints


def prepare(options: argparse.Namespace, log: Path) -> Workload:
    """Make the log. Lead and tail, two rings each, keep start-up and the emptying ring out of what is measured."""
    lead = tail = 2 * options.slots
    total = lead + options.frames + tail + SLACK
    width, height = options.size
    say(f"making {total} JPEGs, {width}x{height}")
    made = make_log(log, frames=total, streams=options.streams, width=width, height=height)
    return Workload(
        frames=options.frames,
        lead=lead,
        tail=tail + SLACK,
        streams=options.streams,
        width=width,
        height=height,
        mean_bytes=made // total,
        pictures=list(PICTURES),
        model=MODEL,
        slots=options.slots,
        max_batch=options.max_batch,
        log_filesystem=filesystem(log),
    )


def one_round(log: Path, load: Workload, number: int, seen: Load) -> Round:
    """Everyone once, each in a fresh process; every other round backwards, so that a drift of the machine favours nobody."""
    order = [OURS, *PEERS, STAGES]
    if number % 2:
        order.reverse()
    runs: dict[str, Run] = {}
    stages: dict[str, float] = {}
    with Others() as others:
        for name in order:
            say(f"  {name}")
            if name == STAGES:
                stages = msgspec.json.decode(run_fresh(f"{PACKAGE}.stages", *_span(log, load)), type=dict[str, float])
            else:
                runs[name] = one_run(name, log, load)
    equal, borderline = same_boxes(runs)
    return Round(
        load=seen,
        order=order,
        runs={name: run.measured for name, run in runs.items()},
        notes={name: run.notes for name, run in runs.items() if run.notes},
        stages=stages,
        compared=equal,
        borderline=borderline,
        others_busy_cores=others.busy_cores,
    )


def one_run(name: str, log: Path, load: Workload) -> Run:
    if name == OURS:
        printed = run_fresh(f"{PACKAGE}.ours", str(log), msgspec.json.encode(load).decode())
    else:
        printed = run_fresh(f"{PACKAGE}.bare", *_span(log, load), *PEERS[name])
    run = msgspec.json.decode(printed, type=Run)
    say(f"    {run.measured.fps:.1f} frames/s, {run.measured.cpu_ms_per_frame:.2f} CPU-ms per frame")
    return run


def same_boxes(runs: dict[str, Run]) -> tuple[int, int]:
    """Assert that every peer found what framehop found; returns how many boxes were equal, and how many borderline."""
    threshold = load_model(MODEL).overrides.score_threshold or 0.0
    found = [compare(runs[OURS].found, runs[name].found, threshold=threshold, peer=name) for name in PEERS]
    equal = sum(each.equal for each in found)
    if equal == 0:
        raise BenchmarkError("nobody found anything: the comparison means nothing")
    return equal, sum(each.borderline for each in found)


def filesystem(path: Path) -> str:
    """Type of the file system that `path` is on."""
    done = subprocess.run(["stat", "-f", "-c", "%T", str(path)], capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


def _span(log: Path, load: Workload) -> list[str]:
    return ["--log", str(log), "--first", str(load.lead), "--frames", str(load.frames)]


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return _positive(width), _positive(height)
