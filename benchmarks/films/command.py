"""benchmarks/video.py: everyone in turns, every other round in reverse order, and the table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.films.make import write_film
from benchmarks.films.runs import Programs, Run
from benchmarks.harness.carrying_out import carry_out, say
from benchmarks.harness.machine import Machine, Others, before, describe, during, look
from benchmarks.harness.processes import ROOT
from benchmarks.harness.spread import spread

VERSIONS = ("framehop", "av", "onnxruntime")
# What is measured, and what it is divided by: CPU time a frame, or bytes.
RATIOS = {
    "ingest: copy ÷ jpeg": ("copy", "jpeg", "cpu_ms"),
    "ingest: copy ÷ OpenCV": ("copy", "OpenCV encode", "cpu_ms"),
    "log: bytes, H.264 ÷ JPEG": ("copy", "jpeg", "bytes"),
    "decode: bare loop ÷ into slots": ("bare decode", "slots", "cpu_ms"),
    "decode to RGB: bare loop ÷ into slots": ("bare rgb", "slots", "cpu_ms"),
    "decode to RGB: PyAV ÷ into slots": ("pyav", "slots", "cpu_ms"),
    "decode: OpenCV ÷ into slots": ("OpenCV decode", "slots", "cpu_ms"),
    "four films: run, copy ÷ jpeg": ("run copy", "run jpeg", "cpu_ms"),
    "four films: run, copy ÷ OpenCV loop": ("run copy", "OpenCV detect", "cpu_ms"),
    "four films: seconds, copy ÷ OpenCV loop": ("run copy", "OpenCV detect", "wall_s"),
}


class Round(msgspec.Struct, frozen=True, kw_only=True):
    runs: dict[str, Run]
    others_busy_cores: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    started_at: str
    machine: Machine
    film: str
    warnings: list[str]
    rounds: list[Round]


def main() -> int:
    options = arguments()

    def measure(started_at: datetime) -> Result:
        with tempfile.TemporaryDirectory() as directory:
            return benchmark(options, started_at, Path(directory))

    return carry_out("video", options, Result, measure, markdown)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/video.py", description="What films cost.")
    parser.add_argument(
        "--film", type=Path, help="of H.264; default: one made for it, 1280 x 720, B-frames, groups of 10 s"
    )
    parser.add_argument("--frames", type=int, default=500, help="of the film that is made [500]")
    parser.add_argument("--restarts", type=int, default=1000, help="of a source, for its memory [1000]")
    parser.add_argument("--rounds", type=int, default=5, help="everyone runs once in each [5]")
    parser.add_argument(
        "--peers-python", default=sys.executable, help="an interpreter that has OpenCV and ONNX Runtime"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/video-DATE.json")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print the table of a result kept before")
    return parser.parse_args()


def benchmark(options: argparse.Namespace, started_at: datetime, directory: Path) -> Result:
    film = options.film or write_film(directory / "film.mp4", options.frames)
    programs = Programs(film, options.peers_python, directory)
    work = work_of(programs, options.restarts)
    warnings: list[str] = []
    rounds = []
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}")
        warnings += before(look(), first=number == 0)
        rounds.append(one_round(work, list(work) if number % 2 == 0 else list(work)[::-1]))
        warnings += during(0.0)
    return Result(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=describe(VERSIONS, ROOT, {}),
        film=str(options.film or f"made, 1280 x 720, {options.frames} frames"),
        warnings=warnings,
        rounds=rounds,
    )


def work_of(programs: Programs, restarts: int) -> dict[str, Callable[[], Run]]:
    work: dict[str, Callable[[], Run]] = {
        what: partial(programs.ours, what) for what in ("copy", "jpeg", "slots", "pyav")
    }
    work["restarts"] = partial(programs.ours, "restarts", restarts)
    work |= {f"bare {what}": partial(programs.bare, what) for what in ("decode", "rgb")}
    work |= {f"run {codec}": partial(programs.whole, codec) for codec in ("copy", "jpeg")}
    if not programs.has_peers:
        say("the peers' interpreter lacks OpenCV or ONNX Runtime: OpenCV is left out")
        return work
    return work | {f"OpenCV {what}": partial(programs.opencv, what) for what in ("encode", "decode", "detect")}


def one_round(work: dict[str, Callable[[], Run]], order: Sequence[str]) -> Round:
    runs: dict[str, Run] = {}
    with Others() as others:
        for name in order:
            runs[name] = work[name]()
            say(f"  {name}: {runs[name].cpu_ms:.3g} CPU-ms a frame")
    return Round(runs=runs, others_busy_cores=others.busy_cores)


def markdown(result: Result) -> str:
    machine = result.machine
    lines = [
        f"{result.started_at[:10]}, {machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python}, "
        f"framehop ({machine.commit}), {len(result.rounds)} rounds; {result.film}. Median (lowest–highest).",
    ]
    if result.warnings:
        lines += ["", f"**Not to be published: {'; '.join(dict.fromkeys(result.warnings))}.**"]
    return "\n".join([*lines, "", *_runs(result), "", *_ratios(result)])


def _runs(result: Result) -> list[str]:
    rows = ["| what | CPU-ms a frame | frames/s | bytes |", "| --- | --- | --- | --- |"]
    for name in sorted(result.rounds[0].runs):
        runs = [each.runs[name] for each in result.rounds]
        pace = spread(run.frames / run.wall_s for run in runs)
        rows.append(f"| {name} | {spread(run.cpu_ms for run in runs)} | {pace} | {spread(run.bytes for run in runs)} |")
    return rows


def _ratios(result: Result) -> list[str]:
    rows = ["| ratio, within a round | |", "| --- | --- |"]
    for title, (above, below, field) in RATIOS.items():
        if {above, below} <= result.rounds[0].runs.keys():
            pairs = [(each.runs[above], each.runs[below]) for each in result.rounds]
            rows.append(f"| {title} | {spread(getattr(a, field) / getattr(b, field) for a, b in pairs)} |")
    return rows
