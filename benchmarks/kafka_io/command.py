"""benchmarks/kafka.py: everyone in turns, every other round in reverse order, and the tables."""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from confluent_kafka.admin import AdminClient

from benchmarks.harness.brokers import Brokers
from benchmarks.harness.carrying_out import carry_out, say
from benchmarks.harness.machine import Machine, Others, before, describe, during, look
from benchmarks.harness.processes import ROOT
from benchmarks.harness.spread import Spread, spread
from benchmarks.kafka_io.runs import JAVA, LIMIT, OURS, PEERS, RAW, SYSTEM, Programs, Run
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.log.kafka.url import KafkaUrl

MEMORY = Path("/dev/shm")
TOPICS_S = 30.0
NEEDED_RUNS = 10  # so many fit into it, where a topic is gone a second after its last run
VERSIONS = ("framehop", "confluent-kafka")


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """Runs by `what size who`; latencies in ms by `size who`, sorted."""

    runs: dict[str, Run]
    latencies: dict[str, list[float]]
    others_busy_cores: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    started_at: str
    machine: Machine
    megabytes: int
    rates: dict[str, float]
    broker: str
    absent: list[str]
    warnings: list[str]
    rounds: list[Round]


def main() -> int:
    options = arguments()

    def measure(started_at: datetime) -> Result:
        with broker(options) as bootstrap, tempfile.TemporaryDirectory() as directory:
            programs = Programs(bootstrap, options.peers_python, jars(), Path(directory))
            return benchmark(options, programs, started_at)

    return carry_out("kafka", options, Result, measure, markdown)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/kafka.py", description="Frames into Kafka and out of it.")
    parser.add_argument("--bootstrap", default="", help="a broker; default: one of scripts/kafka, for this run alone")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where that broker keeps its data; default: memory, if there is room, so that it is clients that are compared",
    )
    parser.add_argument("--peers-python", default=sys.executable, help="an interpreter that has the other clients")
    parser.add_argument("--rounds", type=int, default=5, help="everyone runs once in each [5]")
    parser.add_argument("--sizes", type=_numbers, default=[100_000, 200_000, 1_000_000], metavar="BYTES,…")
    parser.add_argument("--megabytes", type=int, default=400, help="of each run [400]")
    parser.add_argument("--latency-sizes", type=_numbers, default=[100_000, 1_000_000, 4_000_000], metavar="BYTES,…")
    parser.add_argument("--latency-megabytes-per-s", type=float, default=10.0, help="offered load [10]")
    parser.add_argument("--latency-s", type=float, default=10.0, help="of each latency run [10]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/kafka-DATE.json")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print the tables of a result kept before")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


@contextmanager
def broker(options: argparse.Namespace) -> Iterator[str]:
    if options.bootstrap:
        yield options.bootstrap
        return
    if options.data is None and shutil.disk_usage(MEMORY).free > NEEDED_RUNS * options.megabytes * 1_000_000:
        options.data = MEMORY
    say(f"starting a broker, {where(options)}")
    with Brokers(parent=options.data) as brokers:
        yield brokers.bootstrap


def where(options: argparse.Namespace) -> str:
    """The broker's data."""
    if options.bootstrap:
        return "somebody's own"
    return "its data in memory" if options.data == MEMORY else "its data on a disk"


def jars() -> Path | None:
    found = sorted((Path.home() / ".cache" / "framehop").glob("kafka-*/"))
    return found[-1] if found else None


def benchmark(options: argparse.Namespace, programs: Programs, started_at: datetime) -> Result:
    absent = programs.missing()
    for name in absent:
        say(f"{name} is not installed for {options.peers_python}: left out")
    who = [OURS, LIMIT, SYSTEM, RAW, *(name for name in (*PEERS, JAVA) if name not in absent)]
    warnings: list[str] = []
    rounds = []
    say("warming the broker up")
    for size in options.sizes:
        with topics(programs.bootstrap) as prefix:
            programs.produce(LIMIT, prefix, size, messages(options, size))
            programs.consume(LIMIT, prefix, size, messages(options, size))
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}")
        warnings += before(look(), first=number == 0)
        rounds.append(one_round(options, programs, who if number % 2 == 0 else who[::-1]))
        warnings += during(0.0)
    return Result(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=describe(VERSIONS, ROOT, programs.versions()),
        megabytes=options.megabytes,
        broker=where(options),
        rates={str(size): rate_of(options, size) for size in options.latency_sizes},
        absent=absent,
        warnings=warnings,
        rounds=rounds,
    )


def rate_of(options: argparse.Namespace, size: int) -> float:
    return max(1.0, float(options.latency_megabytes_per_s) * 1e6 / size)


def one_round(options: argparse.Namespace, programs: Programs, who: Sequence[str]) -> Round:
    runs: dict[str, Run] = {}
    latencies: dict[str, list[float]] = {}
    with Others() as others:
        for size in options.sizes:
            count = messages(options, size)
            for name in who:
                with topics(programs.bootstrap) as prefix:
                    take(runs, f"produce {size} {name}", programs.produce(name, prefix, size, count))
            with topics(programs.bootstrap) as prefix:
                programs.produce(OURS, prefix, size, count)
                for name in who:
                    take(runs, f"consume {size} {name}", programs.consume(name, prefix, size, count))
        for size in options.latency_sizes:
            rate = rate_of(options, size)
            for name in (OURS, RAW):
                with topics(programs.bootstrap) as prefix:
                    late = programs.latencies(name, prefix, size, rate, max(10, int(rate * options.latency_s)))
                latencies[f"{size} {name}"] = sorted(round(each, 3) for each in late)
    return Round(runs=runs, latencies=latencies, others_busy_cores=others.busy_cores)


def messages(options: argparse.Namespace, size: int) -> int:
    return max(1, int(options.megabytes) * 1_000_000 // size)


def take(runs: dict[str, Run], name: str, run: Run) -> None:
    runs[name] = run
    say(f"  {name}: {run.mb_per_s:.0f} MB/s")


@contextmanager
def topics(bootstrap: str) -> Iterator[str]:
    """A log of one partition, for as long as it is looked at: yields its prefix."""
    prefix = f"bench-{uuid.uuid4().hex[:12]}"
    url = KafkaUrl.parse(f"kafka://{bootstrap}/{prefix}")
    with KafkaLog(str(url)) as log:
        log.create_topics(TopicPlan(partitions=1, max_age_s=600))
    try:
        yield prefix
    finally:
        forget(bootstrap, url)


def forget(bootstrap: str, url: KafkaUrl) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for gone in admin.delete_topics([url.frames, url.detections, url.deadletter]).values():
        gone.result(TOPICS_S)


# ---------------------------------------------------------------- tables


def markdown(result: Result) -> str:
    machine = result.machine
    lines = [
        f"{result.started_at[:10]}, {machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python}, "
        f"confluent-kafka {machine.versions['confluent-kafka']} (librdkafka {machine.versions[f'librdkafka of {LIMIT}']}; the "
        f"system's is {machine.versions[f'librdkafka of {SYSTEM}']}), framehop ({machine.commit}); one broker on the same machine, "
        f"{result.broker}, replication 1, {len(result.rounds)} rounds of {result.megabytes} MB. Median (lowest–highest).",
    ]
    if result.warnings:
        lines += ["", f"**Not to be published: {'; '.join(dict.fromkeys(result.warnings))}.**"]
    return "\n".join([*lines, "", *_throughput(result), "", *_latency(result)])


def _throughput(result: Result) -> list[str]:
    cells: dict[tuple[str, str], list[Run]] = defaultdict(list)
    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    for taken in result.rounds:
        for key, run in taken.runs.items():
            what, size, name = key.split(" ", 2)
            cells[f"{what} {size}", name].append(run)
            ratios[f"{what} {size}", name].append(taken.runs[f"{what} {size} {OURS}"].mb_per_s / run.mb_per_s)
    rows = ["| bytes | client | MB/s | CPU-ms/MB | framehop's MB/s ÷ |", "| --- | --- | --- | --- | --- |"]
    for (what, name), runs in cells.items():
        cpu = [run.cpu_ms_per_mb for run in runs if run.cpu_ms_per_mb is not None]
        shown = str(spread(cpu)) if cpu else "–"
        against = "" if name == OURS else str(spread(ratios[what, name]))
        rows.append(f"| {what} | {name} | {spread(run.mb_per_s for run in runs)} | {shown} | {against} |")
    return rows


def _latency(result: Result) -> list[str]:
    rows = [
        "| bytes at rate | client | p50 ms | p99 ms | p50 ÷ raw | max ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for key in result.rounds[0].latencies if result.rounds else ():
        size, name = key.split(" ", 1)
        taken = [each.latencies[key] for each in result.rounds]
        raw = [each.latencies[f"{size} {RAW}"] for each in result.rounds]
        ratio = [statistics.median(a) / statistics.median(b) for a, b in zip(taken, raw, strict=True)]
        rows.append(
            f"| {size} at {result.rates[size]:.3g}/s | {'raw client loop' if name == RAW else name} | {_percentile(taken, 50)} | "
            f"{_percentile(taken, 99)} | {spread(ratio)} | {max(late[-1] for late in taken):.1f} |"
        )
    return rows


def _percentile(taken: Sequence[Sequence[float]], percent: int) -> Spread:
    return spread(late[min(len(late) - 1, len(late) * percent // 100)] for late in taken)
