"""The record of benchmarks/inference.py, and its table."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchmarks.accuracy.choice import overall
from benchmarks.accuracy.labels import Picture
from benchmarks.accuracy.scoring import Found, iou
from benchmarks.harness.machine import Machine
from benchmarks.harness.spread import Spread, spread

FLOAT = "float32, ONNX Runtime"


class Lanes(msgspec.Struct, frozen=True, kw_only=True):
    wall_s: float
    cpu_s: float
    runs: int

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds of a run."""
        return 1000 * self.cpu_s / self.runs


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures that a process reports of itself. `by_lanes`: by the number of runs side by side, each of one thread."""

    provider: str
    version: str
    by_lanes: dict[str, Lanes]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The file that is kept. `rounds`: the figures of each variant. `found`: by variant, the objects in each labelled picture."""

    benchmark: str = "inference"
    started_at: str
    machine: Machine
    model: str
    sha256: str
    threshold: float
    warnings: list[str]
    rounds: list[dict[str, Figures]]
    found: dict[str, list[list[Found]]]


def markdown(result: Result, pictures: Sequence[Picture]) -> str:
    machine, lanes = result.machine, sorted(result.rounds[0][FLOAT].by_lanes, key=int)
    head = [
        f"{result.started_at[:10]}, {result.model}, {machine.cpu}, {machine.cores} cores; {len(result.rounds)} rounds,"
        " median (lowest–highest).",
        *(["", f"**Not to be published: {'; '.join(dict.fromkeys(result.warnings))}.**"] if result.warnings else []),
        "",
    ]
    names = [
        *(f"CPU-ms, {count} at a time" for count in lanes),
        "CPU ÷ float32",
        f"F1 at {result.threshold:g}",
        "objects of float32 found again",
        "their IoU",
    ]
    table = [_row(["", *names]), _row(["---"] * (len(names) + 1))]
    return "\n".join([*head, *table, *(_row(_cells(result, pictures, name, lanes)) for name in result.found)])


def _cells(result: Result, pictures: Sequence[Picture], name: str, lanes: Sequence[str]) -> list[str]:
    again, overlap = kept(result.found[FLOAT], result.found[name], result.threshold)
    costs = [_cost(result, name, count) for count in lanes]
    ratio = spread(
        each[name].by_lanes[lanes[-1]].cpu_ms / each[FLOAT].by_lanes[lanes[-1]].cpu_ms for each in result.rounds
    )
    f1 = overall(pictures, result.found[name], result.threshold).f1
    return [name, *map(str, costs), str(ratio), f"{f1:.3f}", f"{again:.3f}", f"{overlap:.3f}"]


def _cost(result: Result, name: str, lanes: str) -> Spread:
    return spread(each[name].by_lanes[lanes].cpu_ms for each in result.rounds)


def kept(before: Sequence[Sequence[Found]], after: Sequence[Sequence[Found]], threshold: float) -> tuple[float, float]:
    """Return the share of the objects of `before` that `after` has too, with the same label and an IoU of a half, at `threshold`
    both, and the mean IoU of those."""
    overlaps: list[float] = []
    count = 0
    for these, those in zip(before, after, strict=True):
        sure = [one for one in those if one.score >= threshold]
        for one in these:
            if one.score >= threshold:
                count += 1
                best = max((iou(one.box, other.box) for other in sure if other.label == one.label), default=0.0)
                overlaps += [best] if best >= 0.5 else []
    return len(overlaps) / max(1, count), sum(overlaps) / max(1, len(overlaps))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
