"""The results as they are kept, and the ratios within each round."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchmarks.harness.machine import Load, Machine
from benchmarks.harness.spread import Spread, spread
from benchmarks.preprocessing.cases import WORKS

OURS = "framehop"
LIMIT = "limit"
DALI = "DALI"
TITLES = {"jpeg": "From a JPEG to the tensor", "pixels": "From pixels to the tensor"}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    pictures: int
    wall_s: float
    cpu_s: float

    @property
    def cpu_ms(self) -> float:
        """CPU-ms per picture."""
        return 1000 * self.cpu_s / self.pictures


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """`runs` by `key`. `order`: of the processes. `difference`: from framehop's tensors, in grey levels, by key; the largest where
    pixels were given, the root of the mean square where JPEGs were."""

    load: Load
    order: list[str]
    runs: dict[str, Run]
    difference: dict[str, float]
    others_busy_cores: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The file that is kept. `warnings`: why the figures must not be published; empty for a quiet machine."""

    benchmark: str = "preprocess"
    schema: int = 1
    started_at: str
    machine: Machine
    pictures: list[str]
    cases: list[str]
    count: int
    warnings: list[str]
    rounds: list[Round]


def key(work: str, case: str, who: str) -> str:
    return f"{work}: {case}: {who}"


def ratio(rounds: Sequence[Round], work: str, case: str, who: str) -> Spread | None:
    """Return that one's CPU time over framehop's of the same round; None if it did not run."""
    theirs, ours = key(work, case, who), key(work, case, OURS)
    if any(theirs not in each.runs for each in rounds):
        return None
    return spread(each.runs[theirs].cpu_ms / each.runs[ours].cpu_ms for each in rounds)


def markdown(result: Result) -> str:
    """Return the tables of a result, with what is needed to judge them."""
    machine = result.machine
    versions = ", ".join(f"{name} {version}" for name, version in sorted(machine.versions.items()))
    head = [
        f"{result.started_at[:10]}, {machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python}, "
        f"framehop {machine.commit}, {versions}; {len(result.rounds)} rounds of {result.count} pictures, one thread. "
        "Median (lowest–highest).",
        *(["", f"**Not to be published: {'; '.join(dict.fromkeys(result.warnings))}.**"] if result.warnings else []),
    ]
    return "\n".join([*head, *(line for work in WORKS for line in ("", *_table(result, work)))])


def _table(result: Result, work: str) -> list[str]:
    """Rows are those who ran; the first one has framehop's own time, the others their CPU time over framehop's."""
    rounds, cases = result.rounds, result.cases
    others = sorted({name.split(": ")[2] for name in rounds[0].runs if name.startswith(f"{work}: ")} - {OURS})
    return [
        f"| {TITLES[work]}: CPU time ÷ framehop's | {' | '.join(cases)} |",
        f"| --- |{' --- |' * len(cases)}",
        _row(
            "(framehop, CPU-ms a picture)",
            [spread(each.runs[key(work, case, OURS)].cpu_ms for each in rounds) for case in cases],
        ),
        *(_row(who, [ratio(rounds, work, case, who) for case in cases]) for who in others),
    ]


def _row(name: str, values: Sequence[Spread | None]) -> str:
    return f"| {' | '.join([name, *('' if value is None else str(value) for value in values)])} |"
