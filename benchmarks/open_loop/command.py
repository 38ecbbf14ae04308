"""benchmarks/cameras.py: every load once in each round, everyone in turns, and the tables."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import msgspec

from benchmarks.harness.brokers import Brokers
from benchmarks.harness.carrying_out import carry_out, say
from benchmarks.harness.machine import Load, Others, before, describe, during, look
from benchmarks.harness.processes import ROOT, run_fresh
from benchmarks.open_loop.ours import Job
from benchmarks.open_loop.places import InDirectories, InKafka, Place
from benchmarks.open_loop.report import markdown
from benchmarks.open_loop.results import Latency, Result, Round, Run, Workload, latency_of
from benchmarks.open_loop.schedule import Offer
from benchmarks.whole_worker.workload import MODEL, make_log
from framehop._core import __version__ as framehop_build

BARE = "bare, a thread per core"
PACKAGE = "benchmarks.open_loop"
PICTURES = 64  # offered again and again
VERSIONS = ("onnxruntime", "numpy", "pyzmq", "apsw", "confluent-kafka", "scikit-image")


def main() -> int:
    options = arguments()

    def measure(started_at: datetime) -> Result:
        with tempfile.TemporaryDirectory(prefix="framehop-bench-") as directory:
            return benchmark(options, Path(directory), started_at)

    return carry_out("cameras", options, Result, measure, markdown)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/cameras.py", description="How many cameras, and how late.")
    parser.add_argument("--cameras", type=_numbers, default=[6, 8, 10, 12, 13, 14], metavar="N,…")
    parser.add_argument("--fps", type=float, default=5.0, help="of each camera [5]")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run [20]")
    parser.add_argument("--rounds", type=int, default=3, help="every load comes once in each [3]")
    parser.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="of the JPEGs [1280x720]")
    parser.add_argument("--seed", type=int, default=1, help="of the cameras' phases [1]")
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="OPTIONS",
        help="framehop once more, with these options of framehop detect, such as '--lanes 1'; may be repeated",
    )
    parser.add_argument("--kafka", action="store_true", help="through a broker of scripts/kafka, for this run alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/cameras-DATE.json")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print the tables of a result kept before")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def benchmark(options: argparse.Namespace, directory: Path, started_at: datetime) -> Result:
    width, height = options.size
    pictures = directory / "pictures"
    made = make_log(pictures, frames=PICTURES, streams=1, width=width, height=height)
    warnings: list[str] = []
    rounds: list[Round] = []
    with ExitStack() as stack:
        place = InKafka(stack.enter_context(Brokers())) if options.kafka else InDirectories(directory)
        warm_up(options, pictures, place)
        for number in range(options.rounds):
            for cameras in options.cameras:
                seen = look()
                warnings += before(seen, first=not rounds)
                say(f"round {number + 1} of {options.rounds}: {cameras} cameras")
                offer = Offer(cameras=cameras, fps=options.fps, seconds=options.seconds, seed=options.seed + number)
                rounds.append(one_round(options, pictures, offer, place, seen, backwards=bool(number % 2)))
                warnings += during(rounds[-1].others_busy_cores)
    return Result(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=describe(VERSIONS, ROOT, {"framehop": framehop_build}),
        workload=Workload(
            fps=options.fps,
            seconds=options.seconds,
            width=width,
            height=height,
            mean_bytes=made // PICTURES,
            model=MODEL,
            seed=options.seed,
            through=place.name,
        ),
        warnings=warnings,
        rounds=rounds,
    )


def warm_up(options: argparse.Namespace, pictures: Path, place: Place) -> None:
    """The smallest load, which does not count, until the place is as fast as it gets."""
    if place.warm_up_s:
        say(f"warming the broker up for {place.warm_up_s:g} s")
        offer = Offer(cameras=min(options.cameras), fps=options.fps, seconds=place.warm_up_s, seed=options.seed)
        run_fresh(f"{PACKAGE}.ours", _job(options, pictures, offer, place.new_log(), ""))


def one_round(
    options: argparse.Namespace, pictures: Path, offer: Offer, place: Place, seen: Load, *, backwards: bool
) -> Round:
    """Everyone once with this load, each in a fresh process."""
    ours = {"framehop": "", **{f"framehop {more}": more for more in options.also}}
    order = [*ours, BARE]
    found: dict[str, Latency] = {}
    broker_ms: dict[str, float] = {}
    with Others(place.broker_cpu_s) as others:
        for name in reversed(order) if backwards else order:
            if name == BARE:
                printed = run_fresh(
                    f"{PACKAGE}.bare", str(pictures), str(PICTURES), msgspec.json.encode(offer).decode()
                )
            else:
                log, used_s = place.new_log(), place.broker_cpu_s()
                printed = run_fresh(f"{PACKAGE}.ours", _job(options, pictures, offer, log, ours[name]))
                broker_ms[name] = round(1000 * (place.broker_cpu_s() - used_s) / offer.frames, 2)
            found[name] = latency_of(msgspec.json.decode(printed, type=Run), offer.frames)
            say(f"  {name}: p50 {found[name].p50:.1f} ms, p99 {found[name].p99:.1f} ms")
    return Round(
        cameras=offer.cameras,
        load=seen,
        order=list(found),
        runs=found,
        others_busy_cores=others.busy_cores,
        broker_ms_per_picture=broker_ms if options.kafka else {},
    )


def _job(options: argparse.Namespace, pictures: Path, offer: Offer, log: str, more: str) -> str:
    job = Job(
        pictures=str(pictures),
        count=PICTURES,
        log=log,
        size=options.size,
        offer=offer,
        options=["--model", MODEL, "--provider", "cpu", *more.split()],
    )
    return msgspec.json.encode(job).decode()
