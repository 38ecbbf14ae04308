"""Reports the state of a running pipeline to other processes that ask."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from framehop import _core
from framehop.budgets import LAG_PATIENCE_S, LOG_LOOK_CLOSE_S
from framehop.errors import ClosedError, FramehopError, ProcessError, text_of
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
from framehop.pipeline.streams.streams import Streams
from framehop.pipeline.supervisor.model_swaps import ModelSwaps, SwapReport
from framehop.pipeline.supervisor.status import ProcessStatus, Status
from framehop.types import ModelInfo, PartitionLag

logger = logging.getLogger(__name__)

RATE_S = 10.0
STEP_S = 0.25
FRESH_S = 1.0


class Rate:
    """Events per second, over the last ten seconds. One thread calls `note`; any may read."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._lock = threading.Lock()

    def note(self, now_s: float, events: int) -> None:
        with self._lock:
            if self._seen and now_s - self._seen[-1][0] < STEP_S:
                return
            self._seen.append((now_s, events))
            while self._seen[-1][0] - self._seen[0][0] > RATE_S:
                self._seen.popleft()

    @property
    def per_s(self) -> float:
        with self._lock:
            if len(self._seen) < 2:
                return 0.0
            (first_s, before), (last_s, after) = self._seen[0], self._seen[-1]
            return (after - before) / max(last_s - first_s, 1e-3)


class LagLook:
    """Asks the log how far the group is behind, in a thread of its own, so that nobody waits for a missing broker. It asks only
    when `latest` is called, which any thread may do."""

    def __init__(self, look: Callable[[], list[PartitionLag]]) -> None:
        self._look = look
        self._changed = threading.Condition()
        self._wanted = self._closed = False
        self._lag: list[PartitionLag] = []
        self._at_s: float | None = None
        self._error = ""
        self._thread = threading.Thread(target=self._run, name="framehop-lag", daemon=True)
        self._thread.start()

    def latest(self, patience_s: float) -> tuple[list[PartitionLag], float | None, str]:
        """Return the newest lag, how many seconds ago it was read, and why there is none newer. Waits up to `patience_s` for a
        fresh one."""
        with self._changed:
            if not self._is_fresh():
                self._wanted = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._wanted or self._closed, patience_s)
            age_s = None if self._at_s is None else time.monotonic() - self._at_s
            late = "the log has not answered yet" if self._wanted else ""
            return self._lag, age_s, self._error or late

    def _is_fresh(self) -> bool:
        return self._at_s is not None and time.monotonic() - self._at_s < FRESH_S and not self._error

    def _run(self) -> None:
        while self._wait():
            found, error = None, ""
            try:
                found = self._look()
            except FramehopError as raised:
                error = str(raised)
            except Exception as raised:  # one fault must not end the thread, or nobody would hear of it
                logger.exception("the log could not be asked how far the group is behind")
                error = text_of(raised)
            with self._changed:
                if found is not None:
                    self._lag, self._at_s = found, time.monotonic()
                self._error, self._wanted = error, False
                self._changed.notify_all()

    def _wait(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._closed)
            return not self._closed

    def close(self) -> None:
        """End the thread, but do not wait longer than LOG_LOOK_CLOSE_S for a look under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(LOG_LOOK_CLOSE_S)


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
        self._lag = LagLook(lag)
        try:
            self._socket = publish(directory, publication, self._answer)
        except BaseException:
            self._lag.close()
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
        lag, age_s, error = self._lag.latest(LAG_PATIENCE_S)
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
            lag=lag,
            lag_age_s=age_s,
            lag_error=error,
        )

    def close(self) -> None:
        """Answer no more requests. Closing twice is harmless."""
        self._lag.close()
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
