"""The results of a run, as they are kept."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchmarks.harness.machine import Load, Machine

ON_TIME_MS = 100.0
OF_USE_MS = 500.0
PEER = "bare, a thread per core"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a process that ran. `late_ms`: of each picture that was looked at, from the moment at which it was due.
    `skipped`: pictures that a policy left out, with an event that says so. `looked`: by camera, the seqs of those that were looked
    at; empty for a peer, which looks at all. `served`: by camera of --fps, the share that was looked at within 500 ms; empty for a
    peer."""

    late_ms: list[float]
    cpu_s: float
    skipped: int = 0
    looked: list[list[int]] = []
    served: list[float] = []


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """The latencies of one run in milliseconds, of the pictures that were looked at; 0 if all were skipped. `on_time`: the share of
    all pictures that was looked at within 100 ms. `unanswered`: pictures that were neither looked at nor skipped.
    `least_served`: the smallest share, of any camera of --fps, that was looked at within 500 ms; 0 for a peer."""

    frames: int
    skipped: int
    unanswered: int
    p50: float
    p90: float
    p99: float
    p999: float
    longest: float
    on_time: float
    cpu_ms_per_frame: float
    objects: int = 0
    missed: int = 0
    least_served: float = 0.0

    @property
    def holds(self) -> bool:
        return self.p99 <= ON_TIME_MS and not self.unanswered


def latency_of(run: Run, frames: int) -> Latency:
    late = sorted(run.late_ms)
    return Latency(
        frames=frames,
        skipped=run.skipped,
        unanswered=frames - len(late) - run.skipped,
        p50=_percentile(late, 0.50),
        p90=_percentile(late, 0.90),
        p99=_percentile(late, 0.99),
        p999=_percentile(late, 0.999),
        longest=_percentile(late, 1.0),
        on_time=round(sum(each <= ON_TIME_MS for each in late) / frames, 4),
        cpu_ms_per_frame=round(1000 * run.cpu_s / frames, 2),
        least_served=round(min(run.served, default=0.0), 4),
    )


def _percentile(ascending: Sequence[float], share: float) -> float:
    """Return the value that `share` of all values do not exceed; 0 if there are none. A result is JSON, which has no infinity."""
    if not ascending:
        return 0.0
    return round(ascending[min(len(ascending) - 1, int(share * len(ascending)))], 3)


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One load, everyone once. `runs`: by name. `broker_ms_per_picture`: CPU time of the broker in each of framehop's runs, from
    making the topics on, over the pictures that count: those before them make it look larger. Empty without a broker."""

    cameras: int
    load: Load
    order: list[str]
    runs: dict[str, Latency]
    others_busy_cores: float
    broker_ms_per_picture: dict[str, float] = {}


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """The pictures and the offer. `films`: names of their files; empty for pans over stills. `watch`: x1, y1, x2, y2 in shares, the
    part of the picture in which motion and objects count; empty for all of it. `fast`: pictures per second of one more camera; 0:
    none."""

    fps: float
    seconds: float
    width: int
    height: int
    mean_bytes: int
    model: str
    seed: int
    through: str
    films: list[str] = []
    watch: list[float] = []
    fast: float = 0.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The file that is kept. `warnings`: why the figures must not be published; empty for a quiet machine."""

    benchmark: str = "cameras"
    schema: int = 1
    started_at: str
    machine: Machine
    workload: Workload
    warnings: list[str]
    rounds: list[Round]
