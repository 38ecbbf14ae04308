"""The command: makes the log, runs everyone in turns, compares the boxes, keeps the figures."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.harness.carrying_out import carry_out, say
from benchmarks.harness.machine import Load, Others, before, describe, during, look
from benchmarks.harness.processes import ROOT, BenchmarkError, run_fresh
from benchmarks.whole_worker.bare import Parts
from benchmarks.whole_worker.boxes import SCORE_TOLERANCE, SIDE_TOLERANCE, agreement, compare
from benchmarks.whole_worker.on_kafka import InKafka
from benchmarks.whole_worker.report import IN_KAFKA, OURS, TUTORIAL, markdown, summarise
from benchmarks.whole_worker.results import Result, Round, Run, Workload
from benchmarks.whole_worker.scripted import SCRIPTS, Scripts
from benchmarks.whole_worker.span import Span
from benchmarks.whole_worker.workload import MODEL, PICTURES, make_log, read_items
from framehop._core import __version__ as framehop_build
from framehop.inference import from_anywhere

BATCH = "8"
PEERS = {
    "bare, batch 1": ["--batch", "1"],
    "bare, batch 8": ["--batch", BATCH],
    "bare, batch 1, decode pool": ["--batch", "1", "--pool"],
    "bare, batch 8, decode pool": ["--batch", BATCH, "--pool"],
    "bare, a thread per core": ["--lanes"],
}
Program = Callable[[int], Run]  # of the number of the round
Stages = Callable[[], dict[str, float]]
STAGES, STAGES_BUSY = "stages alone", "stages, cores busy"
PACKAGE = "benchmarks.whole_worker"
SLACK = 32  # frames: the commits at which a measurement begins and ends may each bring some more than were waited for
VERSIONS = ("onnxruntime", "numpy", "pyzmq", "apsw", "msgspec", "scikit-image")


def main() -> int:
    options = arguments()

    def measured(started_at: datetime) -> Result:
        with tempfile.TemporaryDirectory(prefix="framehop-bench-") as directory:
            return benchmark(options, Path(directory) / "log", started_at)

    return carry_out("pipeline", options, Result, measured, markdown)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/pipeline.py", description="The whole worker against a bare loop.")
    parser.add_argument("--rounds", type=_positive, default=5, help="everyone runs once in each [5]")
    parser.add_argument("--frames", type=_positive, default=300, help="measured frames per run [300]")
    parser.add_argument("--streams", type=_positive, default=4)
    parser.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="of the JPEGs [1280x720]")
    parser.add_argument(
        "--model", type=from_anywhere, default=MODEL, metavar="FILE", help=f"the network of everyone [{MODEL}]"
    )
    parser.add_argument("--slots", type=_positive, default=32, help="pictures in the worker's ring [32]")
    parser.add_argument(
        "--max-batch", type=_positive, default=8, help="pictures in one inference; 1: of nobody more [8]"
    )
    parser.add_argument("--peers-python", metavar="PYTHON", help="an interpreter for the scripts of users, too")
    parser.add_argument("--kafka", action="store_true", help="with --peers-python: through a broker as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/pipeline-DATE.json")
    parser.add_argument(
        "--show", type=Path, metavar="FILE", help="print the table of a result kept before, run nothing"
    )
    options = parser.parse_args()
    if options.kafka and not options.peers_python:
        parser.error("--kafka compares with a script, and needs --peers-python")
    return options


def benchmark(options: argparse.Namespace, log: Path, started_at: datetime) -> Result:
    load = prepare(options, log)
    with ExitStack() as stack:
        everyone = programs(options, log, load, stack)
        stages = {STAGES: partial(stages_cpu_ms, log, load), STAGES_BUSY: partial(stages_cpu_ms, log, load, "--busy")}
        return measure(options.rounds, load, everyone, stages, started_at)


def programs(options: argparse.Namespace, log: Path, load: Workload, stack: ExitStack) -> dict[str, Program]:
    """Return who runs, by name: a function that carries out the run of a round."""
    found: dict[str, Program] = {OURS: partial(run_ours, log, load)}
    for name, words in PEERS.items():
        if BATCH not in words or load.max_batch >= int(BATCH):
            found[name] = partial(run_bare, log, load, words)
    if options.peers_python:
        items = read_items(log, load.lead, load.frames)
        scripts = Scripts(options.peers_python, log.parent / "pictures", items, model=load.model)
        found |= {name: partial(run_script, scripts, what) for name, what in SCRIPTS.items()}
        if options.kafka:
            broker = stack.enter_context(InKafka(load, scripts))
            found |= {name: partial(broker.run, name) for name in (IN_KAFKA, TUTORIAL)}
    return found


def stages_cpu_ms(log: Path, load: Workload, *words: str) -> dict[str, float]:
    return msgspec.json.decode(run_fresh(f"{PACKAGE}.stages", *_span(log, load).words(), *words), type=dict[str, float])


def measure(
    count: int, load: Workload, everyone: dict[str, Program], stages: Mapping[str, Stages], started_at: datetime
) -> Result:
    warnings: list[str] = []
    rounds = []
    least = Parts(load.model, batch=1, threads=1).spec.score_threshold
    for number in range(count):
        seen = look()
        warnings += warn(before(seen, first=number == 0))
        say(f"round {number + 1} of {count}")
        rounds.append(one_round(everyone, stages, number, seen, least))
        warnings += warn(during(rounds[-1].others_busy_cores))
    machine = describe(VERSIONS, ROOT, {"framehop": framehop_build})
    return Result(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=machine,
        workload=msgspec.structs.replace(load, model=Path(load.model).name),
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
        model=options.model,
        slots=options.slots,
        max_batch=options.max_batch,
        log_filesystem=filesystem(log),
    )


def one_round(
    everyone: dict[str, Program], stages: Mapping[str, Stages], number: int, seen: Load, least: float
) -> Round:
    """Everyone once, each in a fresh process; every other round backwards, so that a drift of the machine favours nobody. `least`:
    the network's threshold."""
    order = [*everyone, *stages]
    if number % 2:
        order.reverse()
    runs: dict[str, Run] = {}
    costs: dict[str, dict[str, float]] = {}
    with Others() as others:
        for name in order:
            say(f"  {name}")
            if name in stages:
                costs[name] = stages[name]()
            else:
                runs[name] = everyone[name](number)
                measured = runs[name].measured
                say(f"    {measured.fps:.1f} frames/s, {measured.cpu_ms_per_frame:.2f} CPU-ms per frame")
    equal, borderline = same_boxes(runs, least)
    return Round(
        load=seen,
        order=order,
        runs={name: run.measured for name, run in runs.items()},
        notes={name: run.notes for name, run in runs.items() if run.notes},
        stages=costs[STAGES],
        stages_busy=costs[STAGES_BUSY],
        compared=equal,
        borderline=borderline,
        others_busy_cores=others.busy_cores,
        agreement=agreements(runs, least),
    )


def run_ours(log: Path, load: Workload, _number: int) -> Run:
    return heard(f"{PACKAGE}.ours", str(log), msgspec.json.encode(load).decode())


def run_bare(log: Path, load: Workload, words: list[str], _number: int) -> Run:
    return heard(f"{PACKAGE}.bare", *_span(log, load).words(), *words)


def run_script(scripts: Scripts, what: str, _number: int) -> Run:
    return scripts.run(what)


def heard(module: str, *args: str) -> Run:
    return msgspec.json.decode(run_fresh(module, *args), type=Run)


def same_boxes(runs: dict[str, Run], threshold: float) -> tuple[int, int]:
    """Assert that whoever has framehop's pixels found what framehop found; returns how many boxes were equal, and how many
    borderline."""
    exact = [name for name in runs if name in {*PEERS, IN_KAFKA}]
    found = [compare(runs[OURS].found, runs[name].found, threshold=threshold, peer=name) for name in exact]
    equal = sum(each.equal for each in found)
    if equal == 0:
        raise BenchmarkError("nobody found anything: the comparison means nothing")
    return equal, sum(each.borderline for each in found)


def agreements(runs: dict[str, Run], threshold: float) -> dict[str, float]:
    """Assert that the scripts found the objects that framehop found; returns the share of them that both have."""
    return {
        name: agreement(runs[OURS].found, runs[name].found, threshold=threshold, peer=name)
        for name in runs
        if name in {*SCRIPTS, TUTORIAL}
    }


def filesystem(path: Path) -> str:
    """Type of the file system that `path` is on."""
    done = subprocess.run(["stat", "-f", "-c", "%T", str(path)], capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


def _span(log: Path, load: Workload) -> Span:
    return Span(log, load.lead, load.frames, load.model, load.max_batch)


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return _positive(width), _positive(height)
