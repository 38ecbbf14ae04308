"""Reports the state of a running pipeline to other processes that ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from framehop import _core
from framehop.budgets import LAG_PATIENCE_S, LOG_LOOK_CLOSE_S
from framehop.errors import ClosedError, ProcessError
from framehop.pipeline.control_plane.control_socket import publish
from framehop.pipeline.control_plane.requests import (
    Answer,
    PipelineReport,
    Publication,
    Request,
    RingReport,
    RingsReport,
    RingsRequest,
    StatusRequest,
    SwapLook,
    SwapRequest,
)
from framehop.pipeline.control_plane.stream_answers import answer_streams
from framehop.pipeline.look import Look
from framehop.pipeline.streams.streams import Streams
from framehop.pipeline.supervisor.model_swaps import ModelSwaps, SwapReport
from framehop.pipeline.supervisor.rate import Rate
from framehop.pipeline.supervisor.status import ProcessStatus, Status
from framehop.types import ModelInfo, PartitionLag

LAG_SHARE = 0.5  # a broker that is back is seen as soon again as it was waited for in vain


class Reporter:
    """Publishes the pipeline in `directory`, and answers requests there until closed."""

    def __init__(
        self,
        directory: Path,
        publication: Publication,
        *,
        view: Callable[[], tuple[Status, tuple[ProcessStatus, ...]]],
        models: Callable[[], dict[str, ModelInfo]],
        swaps: ModelSwaps,
        stopping: Callable[[], bool],
        streams: Streams,
        rings: list[_core.RingHost],
        members: list[str],
        rate: Rate,
        lag: Callable[[], list[PartitionLag]],
    ) -> None:
        self._publication = publication
        self._view, self._models, self._swaps, self._stopping = view, models, swaps, stopping
        self._streams, self._rings, self._rate = streams, rings, rate
        self._members = {f"worker-{index}": name for index, name in enumerate(members)}
        self._lag = Look("framehop-lag", lag, list[PartitionLag](), share=LAG_SHARE)
        try:
            self._socket = publish(directory, publication, self._answer)
        except BaseException:
            self._lag.close(LOG_LOOK_CLOSE_S)
            raise

    def _answer(self, request: Request) -> Answer:
        match request:
            case StatusRequest():
                return self._state()
            case SwapRequest(model):
                return self._swapping(self._begin_swap(model))
            case SwapLook(number):
                return self._swapping(self._swaps.report(number))
            case RingsRequest():
                return RingsReport(publication=self._publication, rings=[ring.path for ring in self._rings])
            case _:
                return answer_streams(self._streams, self._publication, request)

    def _begin_swap(self, model: str) -> SwapReport:
        if self._stopping():
            raise ProcessError("this pipeline is ending, and takes no other model")
        return self._swaps.request(model)

    def _swapping(self, report: SwapReport) -> SwapReport:
        return replace(report, models=self._models())

    def _state(self) -> PipelineReport:
        counters, processes = self._view()
        models = self._models()
        lag = self._lag.latest(LAG_PATIENCE_S)
        return PipelineReport(
            publication=self._publication,
            stopping=self._stopping(),
            counters=counters,
            events_per_s=round(self._rate.per_s, 3),
            processes=list(processes),
            streams=self._streams.statuses(),
            rings=[report for index, ring in enumerate(self._rings) if (report := _ring(index, ring)) is not None],
            members=self._members,
            model=next(iter(models.values()), None),
            models=models,
            swap=self._swaps.under_way(),
            lag=lag.value,
            lag_age_s=lag.age_s,
            lag_error=lag.error or ("the log has not answered yet" if lag.pending else ""),
        )

    def close(self) -> None:
        """Answer no more requests. Closing twice is harmless."""
        self._lag.close(LOG_LOOK_CLOSE_S)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _ring(index: int, ring: _core.RingHost) -> RingReport | None:
    try:
        states = [slot.state for slot in ring.slots()]
    except ClosedError:
        return None
    used = sum(state != "free" for state in states)
    return RingReport(worker=f"worker-{index}", slots=len(states), used=used, path=ring.path)
