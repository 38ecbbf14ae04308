"""The status of a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.pipeline.supervisor.status import ProcessStatus, Status

PipelinePhase = Literal["new", "running", "stopping", "ended", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineStatus:
    """A pipeline at one moment. `failure`: the error that ended it early, else empty. `counters`: since its start; `appended`
    includes pushed frames."""

    phase: PipelinePhase
    failure: str
    counters: Status
    processes: tuple[ProcessStatus, ...]
    streams: dict[str, StreamStatus]

    @property
    def ready(self) -> bool:
        """Whether every process is up: models are loaded, and new frames are detected at once."""
        return self.phase == "running" and bool(self.processes) and all(process.ready for process in self.processes)

    @property
    def restarts(self) -> int:
        return self.counters.restarts

    @property
    def stalled(self) -> str:
        """The reason why nothing can be written at the moment, else empty."""
        return self.counters.stalled
