"""benchmarks/recovery.py: every fault once in each round, and the table."""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from benchmarks.harness.brokers import Brokers
from benchmarks.harness.carrying_out import carry_out, say
from benchmarks.harness.machine import Machine, before, describe, look
from benchmarks.harness.processes import ROOT
from benchmarks.outages.cases import CASES, Taken
from benchmarks.outages.site import Workload

VERSIONS = ("framehop", "confluent-kafka", "onnxruntime")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """`rounds`: by case."""

    benchmark: str = "recovery"
    started_at: str
    machine: Machine
    workload: Workload
    seed: int
    warnings: list[str]
    rounds: list[dict[str, Taken]]


def main() -> int:
    options = arguments()
    return carry_out("recovery", options, Result, lambda started_at: benchmark(options, started_at), markdown)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/recovery.py", description="From a fault to the next event.")
    parser.add_argument("--rounds", type=int, default=5, help="every fault comes once in each [5]")
    parser.add_argument("--cases", type=_cases, default=list(CASES), metavar="CASE,…", help=", ".join(CASES))
    parser.add_argument("--streams", type=int, default=4, help="each in a partition of its own [4]")
    parser.add_argument("--rate", type=float, default=5.0, help="frames per second of each stream [5]")
    parser.add_argument("--size", default="640x360", metavar="WxH", help="of the pictures [640x360]")
    parser.add_argument("--model", default="coco-ssd")
    parser.add_argument("--session", type=float, default=10.0, help="session_timeout_s of the workers [10]")
    parser.add_argument(
        "--seed", type=int, default=None, help="of the moments at which faults come; default: by chance"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/recovery-DATE.json")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print the table of a result kept before")
    return parser.parse_args()


def _cases(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(CASES):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: there are {', '.join(CASES)}")
    return names


def benchmark(options: argparse.Namespace, started_at: datetime) -> Result:
    load = Workload(
        streams=options.streams,
        rate=options.rate,
        size=options.size,
        model=options.model,
        session_s=options.session,
    )
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    chance = random.Random(seed)
    rounds: list[dict[str, Taken]] = [{} for _ in range(options.rounds)]
    warnings = before(look(), first=True)
    for count in (1, 3):
        names = [name for name in options.cases if CASES[name].brokers == count]
        if names:
            run_all(names, Brokers(count), load, chance, rounds)
    return Result(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=describe(VERSIONS, ROOT, {}),
        workload=load,
        seed=seed,
        warnings=warnings,
        rounds=rounds,
    )


def run_all(
    names: Sequence[str], started: Brokers, load: Workload, chance: random.Random, rounds: list[dict[str, Taken]]
) -> None:
    say("starting brokers")
    with started as brokers:
        for number, taken in enumerate(rounds, start=1):
            for name in names:
                taken[name] = CASES[name].run(brokers, load, chance)
                say(f"round {number} of {len(rounds)}: {name}: {taken[name].last:.2f} s")


# ---------------------------------------------------------------- the table


def markdown(result: Result) -> str:
    machine, load = result.machine, result.workload
    lines = [
        f"{result.started_at[:10]}, {machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python}, "
        f"confluent-kafka {machine.versions['confluent-kafka']}, framehop ({machine.commit}); brokers on the same machine; "
        f"{load.streams} streams of {load.rate:g} frames/s, {load.size}, {load.model}; session {load.session_s:g} s; "
        f"{len(result.rounds)} rounds. Seconds from the fault until every stream had a new event.",
    ]
    if result.warnings:
        lines += ["", f"**Not to be published: {'; '.join(dict.fromkeys(result.warnings))}.**"]
    lines += ["", "| fault | median | longest | aim |", "| --- | --- | --- | --- |"]
    for name, case in CASES.items():
        taken = [each[name] for each in result.rounds if name in each]
        if taken:
            aim = f"{case.aim(load.session_s):g}" if case.aim else "–"
            lines.append(f"| {case.title} | {_row([each.last for each in taken])} | {aim} |")
            for note in taken[0].notes:
                lines.append(f"| – {note} | {_row([each.notes[note] for each in taken])} | |")
    return "\n".join(lines)


def _row(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.2f} | {max(seconds):.2f}"
