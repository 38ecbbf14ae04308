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
from benchmarks.open_loop.films import Watch
from benchmarks.open_loop.places import InDirectories, InKafka, Place
from benchmarks.open_loop.report import markdown
from benchmarks.open_loop.results import PEER, Latency, Result, Round, Run
from benchmarks.open_loop.schedule import Offer
from benchmarks.open_loop.stage import Stage, make_stage
from framehop._core import __version__ as framehop_build

PACKAGE = "benchmarks.open_loop"
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
    parser.add_argument("--fast", type=float, default=0.0, metavar="FPS", help="one more camera, of so many [none]")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run [20]")
    parser.add_argument("--rounds", type=int, default=3, help="every load comes once in each [3]")
    parser.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="of the JPEGs [1280x720]")
    parser.add_argument(
        "--film",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="of a fixed camera: its pictures at --fps instead of stills; may be repeated, and cameras share them out",
    )
    parser.add_argument(
        "--watch",
        type=_watch,
        metavar="X1,Y1,X2,Y2",
        help="with --film: the part of the picture that counts, 0 to 1; framehop masks motion elsewhere, and drops objects",
    )
    parser.add_argument(
        "--lead", type=float, default=30.0, metavar="S", help="with --film: seconds of it before those that count [30]"
    )
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
    options = parser.parse_args()
    if options.watch and not options.film:
        parser.error("--watch needs --film")
    if options.fast < 0:
        parser.error("--fast is more than 0")
    if options.fast and options.film:
        parser.error("--fast is a camera of stills, and excludes --film")
    return options


def _watch(text: str) -> Watch:
    try:
        left, top, right, bottom = map(float, text.split(","))
    except ValueError:
        left = right = top = bottom = 0.0
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise argparse.ArgumentTypeError(f"{text} is not a part of a picture, as 0.5,0,1,0.5")
    return left, top, right, bottom


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def benchmark(options: argparse.Namespace, directory: Path, started_at: datetime) -> Result:
    stage = make_stage(options, directory)
    warnings: list[str] = []
    rounds: list[Round] = []
    with ExitStack() as stack:
        place = InKafka(stack.enter_context(Brokers())) if options.kafka else InDirectories(directory)
        warm_up(options, stage, place)
        for number in range(options.rounds):
            for cameras in options.cameras:
                seen = look()
                warnings += before(seen, first=not rounds)
                say(f"round {number + 1} of {options.rounds}: {cameras} cameras")
                offer = stage.offer(cameras, options.seconds, options.seed + number)
                rounds.append(one_round(stage, offer, place, seen, backwards=bool(number % 2)))
                warnings += during(rounds[-1].others_busy_cores)
    return Result(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=describe(VERSIONS, ROOT, {"framehop": framehop_build}),
        workload=stage.workload(options, place),
        warnings=warnings,
        rounds=rounds,
    )


def warm_up(options: argparse.Namespace, stage: Stage, place: Place) -> None:
    """The smallest load, which does not count, until the place is as fast as it gets."""
    if place.warm_up_s:
        say(f"warming the broker up for {place.warm_up_s:g} s")
        offer = stage.offer(min(options.cameras), place.warm_up_s, options.seed)
        with place.new_log() as log:
            run_fresh(f"{PACKAGE}.ours", stage.job(offer, log, ""))


def one_round(stage: Stage, offer: Offer, place: Place, seen: Load, *, backwards: bool) -> Round:
    """Everyone once with this load, each in a fresh process."""
    order = [*stage.ours, PEER]
    found: dict[str, Latency] = {}
    broker_ms: dict[str, float] = {}
    with Others(place.broker_cpu_s) as others:
        for name in reversed(order) if backwards else order:
            used_s = place.broker_cpu_s()
            found[name] = stage.judged(one_run(stage, offer, place, name), offer)
            if name != PEER:
                broker_ms[name] = round(1000 * (place.broker_cpu_s() - used_s) / offer.frames, 2)
            say(f"  {name}: p50 {found[name].p50:.1f} ms, p99 {found[name].p99:.1f} ms")
    return Round(
        cameras=offer.cameras,
        load=seen,
        order=list(found),
        runs=found,
        others_busy_cores=others.busy_cores,
        broker_ms_per_picture=broker_ms if place.broker_cpu_s() else {},
    )


def one_run(stage: Stage, offer: Offer, place: Place, name: str) -> Run:
    if name == PEER:
        words = [f"{PACKAGE}.bare", str(stage.pictures), str(stage.count), msgspec.json.encode(offer).decode()]
        return msgspec.json.decode(run_fresh(*words), type=Run)
    with place.new_log() as log:
        return msgspec.json.decode(run_fresh(f"{PACKAGE}.ours", stage.job(offer, log, stage.ours[name])), type=Run)
