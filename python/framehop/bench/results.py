"""The results of all rounds, and the ratios within each of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from framehop.bench.machine import Load, Machine
from framehop.bench.spread import Spread, spread
from framehop.bench.works import (
    ALONE,
    BELLS,
    COPIED,
    DECODE,
    FAN_OUT,
    FANNED,
    HAND_OFF,
    IN_PLACE,
    LIBZMQ,
    MANY,
    MEMCPY,
    ONE,
    SEND,
    SENDER,
    SENT_COPIED,
    SHM,
    SHM_CPP,
    SLOTS,
    STREAMS,
    TRIP,
    TURBOJPEG,
    WORKS,
    ZMQ_CPP,
)


class WayRun(msgspec.Struct, frozen=True, kw_only=True):
    """One way of a work in one round. `p50_us`: median microseconds of a trip. `cpu_us`: CPU microseconds of a trip, of all its
    processes and their threads; `near_cpu_us`: of the one that sends. `copies`: how often it copied each picture at least; None
    where this is not counted."""

    trips: int
    p50_us: float
    cpu_us: float
    near_cpu_us: float
    copies: int | None = None


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """`runs`: by work and way. `order`: of the runs."""

    load: Load
    order: list[tuple[str, str]]
    runs: dict[str, dict[str, WayRun]]
    others_busy_cores: float


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """One of framehop's ways divided by another way, in the same round: below 1 framehop takes less."""

    p50: Spread
    cpu: Spread
    near_cpu: Spread


Figure = Literal["p50", "cpu", "near_cpu"]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A ratio that framehop means to keep. `ratio`: the measured one, of `what`. None where the other was not measured."""

    work: str
    ours: str
    other: str
    what: Figure
    at_most: float
    ratio: float | None = None

    @property
    def held(self) -> bool | None:
        return None if self.ratio is None else self.ratio <= self.at_most


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The file that is kept. `ratios`: by work, by framehop's way, by the other. `limit`: which way of a work is the least that
    it could cost. `copies`: of a picture, by each way that sends from slots. `lost`: where another takes less, in words.
    `missing`: what was not measured, and what would install it. `warnings`: why the figures must not be published; empty for a
    quiet machine."""

    benchmark: str = "hop"
    schema: int = 2
    started_at: str
    machine: Machine
    warnings: list[str]
    missing: dict[str, str]
    limit: dict[str, str]
    ratios: dict[str, dict[str, dict[str, Ratio]]]
    copies: dict[str, int]
    targets: list[Target]
    lost: list[str]
    rounds: list[Round]


def run_of(taken_ns: Sequence[int], *, near_cpu_s: float, cpu_s: float, copies: int | None) -> WayRun:
    return WayRun(
        trips=len(taken_ns),
        p50_us=round(statistics.median(taken_ns) / 1e3, 3),
        cpu_us=round(cpu_s * 1e6 / len(taken_ns), 3),
        near_cpu_us=round(near_cpu_s * 1e6 / len(taken_ns), 3),
        copies=copies,
    )


def result_of(
    *, started_at: str, machine: Machine, warnings: list[str], missing: dict[str, str], rounds: list[Round]
) -> Result:
    """Return the result of at least one round, all of which have the same runs."""
    ratios = {work: _ratios(work, rounds) for work in rounds[0].runs}
    return Result(
        started_at=started_at,
        machine=machine,
        warnings=warnings,
        missing=missing,
        limit={work: WORKS[work].limit for work in rounds[0].runs},
        ratios=ratios,
        copies=_copies(rounds),
        targets=[_measured(target, ratios[target.work]) for target in _TARGETS if target.work in ratios],
        lost=_lost(ratios),
        rounds=rounds,
    )


def _ratios(work: str, rounds: Sequence[Round]) -> dict[str, dict[str, Ratio]]:
    measured = list(rounds[0].runs[work])
    return {
        who: {other: _ratio(work, who, other, rounds) for other in measured if other != who}
        for who in WORKS[work].ours
        if who in measured
    }


def _ratio(work: str, who: str, other: str, rounds: Sequence[Round]) -> Ratio:
    def of(figure: Callable[[WayRun], float]) -> Spread:
        return spread(figure(each.runs[work][who]) / max(figure(each.runs[work][other]), 1e-3) for each in rounds)

    return Ratio(
        p50=of(lambda run: run.p50_us), cpu=of(lambda run: run.cpu_us), near_cpu=of(lambda run: run.near_cpu_us)
    )


def _copies(rounds: Sequence[Round]) -> dict[str, int]:
    """Return the most copies of any round, by way."""
    found: dict[str, int] = {}
    for runs in (runs for each in rounds for runs in each.runs.values()):
        for who, run in runs.items():
            if run.copies is not None:
                found[who] = max(found.get(who, 0), run.copies)
    return found


# ---------------------------------------------------------------- what they mean

_AIMS: tuple[tuple[str, str, str, Figure, float], ...] = (
    (TRIP, SHM_CPP, BELLS, "p50", 1.5),
    (TRIP, SHM, "iceoryx2", "p50", 0.7),
    (TRIP, ZMQ_CPP, LIBZMQ, "p50", 1.2),
    (HAND_OFF, IN_PLACE, "imagezmq", "p50", 0.1),
    (HAND_OFF, IN_PLACE, MEMCPY, "p50", 1.0),
    (HAND_OFF, COPIED, "imagezmq", "p50", 0.25),
    (FAN_OUT, FANNED, ALONE, "cpu", 1.5),
    (STREAMS, MANY, ONE, "p50", 1.05),
    (SEND, SENDER, SENT_COPIED, "near_cpu", 0.6),
    (DECODE, SLOTS, TURBOJPEG, "cpu", 1.03),
    (DECODE, SLOTS, "simplejpeg", "cpu", 1.0),
)
_TARGETS = tuple(
    Target(work=work, ours=ours, other=other, what=what, at_most=at_most) for work, ours, other, what, at_most in _AIMS
)


def _measured(target: Target, ratios: Mapping[str, Mapping[str, Ratio]]) -> Target:
    found = ratios.get(target.ours, {}).get(target.other)
    if found is None:
        return target
    figure = {"p50": found.p50, "cpu": found.cpu, "near_cpu": found.near_cpu}[target.what]
    return msgspec.structs.replace(target, ratio=figure.median)


def _lost(ratios: Mapping[str, Mapping[str, Mapping[str, Ratio]]]) -> list[str]:
    """Say where a peer takes less than framehop, in the median of the rounds."""
    return [
        f"{work}: {other} takes less {what} than {who}, which has {figure.median:.3g} times as much"
        for work, by_ours in ratios.items()
        for who, others in by_ours.items()
        for other, ratio in others.items()
        for what, figure in (("time", ratio.p50), ("CPU time", ratio.cpu))
        if figure.median > 1 and _does_the_same(work, who, other)
    ]


def _does_the_same(work: str, who: str, other: str) -> bool:
    """Whether the other is a peer that does as much: loops in C++ and in Python, ways with and without a copy, are apart."""
    if other == WORKS[work].limit or other.startswith("framehop"):
        return False
    return who.endswith("C++") == other.endswith("C++") and not (who == COPIED and other.endswith("in place"))
