"""The results of a round, as they are kept."""

from __future__ import annotations

import msgspec

from benchmarks.harness.machine import Load, Machine
from benchmarks.harness.spread import Spread

SCHEMA = 1


class Box(msgspec.Struct, frozen=True, array_like=True):
    """One object: label id, score 0–1, and x1, y1, x2, y2 in source pixels."""

    label_id: int
    score: float
    sides: tuple[float, float, float, float]


Found = dict[str, list[Box]]  # by frame


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `cpu_s` by process."""

    frames: int
    wall_s: float
    cpu_s: dict[str, float]

    @property
    def fps(self) -> float:
        return self.frames / self.wall_s

    @property
    def cpu_ms_per_frame(self) -> float:
        return 1000 * sum(self.cpu_s.values()) / self.frames


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a process that ran. `found` has every frame of the log, or those that were measured. `notes`: by name."""

    measured: Measured
    found: Found
    notes: dict[str, float] = {}


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """`stages`: CPU-ms per frame of each stage alone; `stages_busy`: while every other core was busy. `order`: of the processes.
    `compared`: boxes found equal. `borderline`: boxes that only one side has, because their score is the threshold within the
    tolerance. `agreement`: by script, the share of the sure boxes that it and framehop both have."""

    load: Load
    order: list[str]
    runs: dict[str, Measured]
    notes: dict[str, dict[str, float]]
    stages: dict[str, float]
    compared: int
    borderline: int
    others_busy_cores: float
    agreement: dict[str, float] = {}
    stages_busy: dict[str, float] = {}


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    frames: int
    lead: int
    tail: int
    streams: int
    width: int
    height: int
    mean_bytes: int
    pictures: list[str]
    model: str
    slots: int
    max_batch: int
    log_filesystem: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Medians and ranges over the rounds. `fps_ratio`, `cpu_ratio`: framehop over the named peer, of the same round: more
    frames/s is better above 1, CPU per frame better below 1. For the script that reads from Kafka it is framehop in
    Kafka. `efficiency`: fps × Σ stages ÷ cores, 1 is all there is. `cores_used`: the share of all cores' time in which it ran,
    which is the most that its efficiency could be. What ends in `_busy` takes the stages' cost while every other core was busy.
    Results of earlier versions lack both."""

    fps: dict[str, Spread]
    cpu_ms_per_frame: dict[str, Spread]
    fps_ratio: dict[str, Spread]
    cpu_ratio: dict[str, Spread]
    efficiency: dict[str, Spread]
    stages_cpu_ms: dict[str, Spread]
    raw_cpu_ms: Spread
    raw_stages: list[str]
    efficiency_busy: dict[str, Spread] = {}
    stages_busy_cpu_ms: dict[str, Spread] = {}
    raw_busy_cpu_ms: Spread | None = None
    raw_busy_stages: list[str] = []
    cores_used: dict[str, Spread] = {}


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The file that is kept. `warnings`: why the figures must not be published; empty for a quiet machine."""

    benchmark: str = "pipeline"
    schema: int = SCHEMA
    started_at: str
    machine: Machine
    workload: Workload
    tolerance: dict[str, float]
    warnings: list[str]
    rounds: list[Round]
    summary: Summary
