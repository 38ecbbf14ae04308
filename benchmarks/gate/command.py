"""benchmarks/motion.py: every frame of every view through the network, and through the motion gate."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from benchmarks.accuracy.scoring import Found
from benchmarks.accuracy.settings import LOWEST, find
from benchmarks.gate.judging import Verdict, evenly, judge
from benchmarks.gate.views import QUALITY, Pixels, frames_of, looked_at, parts, samples
from benchmarks.harness.carrying_out import carry_out, say
from benchmarks.harness.machine import Machine, describe
from benchmarks.harness.processes import ROOT, BenchmarkError
from framehop import encode_jpeg
from framehop.inference.engine import Engine, EngineOptions, load_model

VERSIONS = ("framehop", "onnxruntime", "av")


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One camera. `motion`: what the gate looked at. `spread`: as many looks, spread evenly. `gate_ms`: CPU a frame."""

    name: str
    motion: Verdict
    spread: Verdict
    gate_ms: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    benchmark: str = "motion"
    started_at: str
    machine: Machine
    model: str
    fps: float
    keep_s: float
    views: list[View]


def main() -> int:
    options = arguments()
    return carry_out("motion", options, Result, lambda started_at: benchmark(options, started_at), markdown)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/motion.py", description="What the motion gate finds and misses.")
    parser.add_argument("films", nargs="*", type=Path, help="of fixed cameras")
    parser.add_argument("--fps", type=float, default=5.0, help="of a camera [5]")
    parser.add_argument("--grid", type=_grid, default=(3, 2), metavar="CxR", help="parts that are cameras too [3x2]")
    parser.add_argument("--keep-s", type=float, default=10.0, help="look at least so often [10]")
    parser.add_argument("--model", default="coco-ssd")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/motion-DATE.json")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print the table of a result kept before")
    options = parser.parse_args()
    if not (options.films or options.show):
        parser.error("name the films of fixed cameras")
    return options


def benchmark(options: argparse.Namespace, started_at: datetime) -> Result:
    model = load_model(options.model)
    views: list[View] = []
    with Engine(model, EngineOptions(provider="cpu", max_batch=1, conf=LOWEST)) as engine:
        threshold = engine.plan.spec.score_threshold
        for film in options.films:
            for name, pictures in views_of(film, options.fps, options.grid).items():
                views.append(viewed(name, pictures, engine, threshold, options))
                say(f"{name}: looked at {views[-1].motion.looked} of {views[-1].motion.frames}")
    return Result(
        started_at=started_at.isoformat(timespec="seconds"),
        machine=describe(VERSIONS, ROOT, {}),
        model=model.name,
        fps=options.fps,
        keep_s=options.keep_s,
        views=views,
    )


def views_of(film: Path, fps: float, grid: tuple[int, int]) -> dict[str, list[bytes]]:
    """Return the JPEGs of each view by its name."""
    found: dict[str, list[bytes]] = {}
    for pixels in frames_of(film, fps):
        named: dict[str, Pixels] = {film.stem: pixels}
        named |= {f"{film.stem}, part {place + 1}": part for place, part in enumerate(parts(pixels, *grid))}
        for name, view in named.items():
            found.setdefault(name, []).append(encode_jpeg(view, quality=QUALITY))
    if not found:
        raise BenchmarkError(f"{film} has no pictures")
    return found


def viewed(name: str, jpegs: Sequence[bytes], engine: Engine, threshold: float, options: argparse.Namespace) -> View:
    used_s = time.process_time()
    looked = looked_at(jpegs, options.fps, options.keep_s)
    gate_ms = 1000 * (time.process_time() - used_s) / len(jpegs)
    found: list[list[Found]] = find(engine, samples(jpegs))
    return View(
        name=name,
        motion=judge(found, looked, threshold),
        spread=judge(found, evenly(len(jpegs), len(looked)), threshold),
        gate_ms=round(gate_ms, 3),
    )


def markdown(result: Result) -> str:
    lines = [
        f"{result.started_at[:10]}, {result.model}, {result.fps:g} frames a second, at least one look in {result.keep_s:g} s.",
        "",
        "| view | frames | looked at | objects | missed | missed longest | missed by as many looks, spread evenly | gate, CPU-ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for view in result.views:
        seen = view.motion
        cells = [
            view.name,
            str(seen.frames),
            f"{seen.looked / seen.frames:.0%}",
            str(seen.objects),
            f"{seen.missed} ({seen.missed / max(1, seen.objects):.1%})",
            f"{seen.longest / result.fps:.1f} s",
            f"{view.spread.missed} ({view.spread.missed / max(1, view.spread.objects):.1%})",
            f"{view.gate_ms:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _grid(text: str) -> tuple[int, int]:
    columns, _, rows = text.partition("x")
    if not (columns.isdigit() and rows.isdigit() and int(columns) and int(rows)):
        raise argparse.ArgumentTypeError(f"{text} is not columns and rows, as 3x2")
    return int(columns), int(rows)
