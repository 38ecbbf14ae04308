"""The results of a run, as they are kept."""

from __future__ import annotations

import statistics

import msgspec

from benchmarks.harness.machine import Load, Machine
from benchmarks.whole_worker.results import Found, Measured

OURS = "framehop"
RUN = "bare session.run"
WHOLE = "bare, the same work"
PEERS = (RUN, WHOLE)


class Case(msgspec.Struct, frozen=True):
    """A way to use the cores. `lanes`: runs of the network side by side, of one thread each; a single one has a thread per core.
    `batch`: pictures of one run."""

    lanes: int
    batch: int

    @property
    def name(self) -> str:
        return f"{self.lanes} lanes" if self.lanes > 1 else f"batch {self.batch}"

    @property
    def threads(self) -> int:
        """The threads of one run, as ONNX Runtime takes them: 0 for one per core."""
        return 1 if self.lanes > 1 else 0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The task of one fresh process. `pictures`: a file of NumPy, uint8 [P, H, W, 3], RGB. `size`: (width, height) of the JPEGs
    from which they were decoded. `lead`: pictures before the clock starts. `measured`: pictures while it runs. `alone`: pictures
    one at a time, afterwards."""

    case: Case
    pictures: str
    size: tuple[int, int]
    lead: int
    measured: int
    alone: int


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a process that ran. `full`: when there is always more to do. `alone_ms`: the time of each picture that had the
    machine for itself. `found`: the boxes, by part of the run and picture."""

    full: Measured
    alone_ms: list[float]
    found: Found


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a report that is kept."""

    full: Measured
    alone_ms: list[float]


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """Every case once. `runs`: by case and by who ran. `compared`: boxes found equal. `borderline`: boxes that only one side has,
    because their score is the threshold within the tolerance."""

    load: Load
    order: list[tuple[str, str]]
    runs: dict[str, dict[str, Figures]]
    compared: int
    borderline: int
    others_busy_cores: float


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """The pictures. `shape`: (height, width) in the ring."""

    pictures: int
    width: int
    height: int
    shape: tuple[int, int]
    model: str
    measured: int
    alone: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The file that is kept. `warnings`: why the figures must not be published; empty for a quiet machine."""

    benchmark: str = "detector"
    schema: int = 1
    started_at: str
    machine: Machine
    workload: Workload
    warnings: list[str]
    rounds: list[Round]


def added_ms(ours: Figures, bare: Figures) -> float:
    """Return by how much a picture of ours took longer than the same one did in the bare loop: the median of all."""
    return statistics.median(mine - its for mine, its in zip(ours.alone_ms, bare.alone_ms, strict=True))
