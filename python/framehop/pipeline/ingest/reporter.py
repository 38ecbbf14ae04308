"""Reports the state of an ingest that runs by itself to other processes that ask."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from framehop._core import __version__
from framehop.errors import ProcessError
from framehop.pipeline.control_plane.control_socket import publish
from framehop.pipeline.control_plane.requests import (
    Answer,
    PipelineReport,
    Publication,
    Request,
    RingsRequest,
    StatusRequest,
    SwapLook,
    SwapRequest,
)
from framehop.pipeline.control_plane.runtime_dir import RuntimeDir
from framehop.pipeline.control_plane.stream_answers import answer_streams
from framehop.pipeline.ingest.ingest import Ingest
from framehop.pipeline.streams.streams import Streams
from framehop.pipeline.supervisor.status import ProcessStatus, Status
from framehop.timing import now_us


@contextmanager
def published(ingest: Ingest, streams: Streams, *, log: str, stopping: Callable[[], bool]) -> Iterator[None]:
    """Let the ingest be found and asked while inside. `log`: its URL. Raises ProcessError, OSError."""
    said = Publication(pid=os.getpid(), started_us=now_us(), log=log, lane="", version=__version__, kind="ingest")

    def answer(request: Request) -> Answer:
        match request:
            case StatusRequest():
                return _state(said, ingest, streams, stopping=stopping())
            case SwapRequest() | SwapLook():
                raise ProcessError("this is an ingest, which has no model: name a pipeline that detects")
            case RingsRequest():
                raise ProcessError("this is an ingest, which decodes nothing: name a pipeline that detects")
            case _:
                return answer_streams(streams, said, request)

    with RuntimeDir() as runtime, publish(runtime.path, said, answer):
        yield


def _state(said: Publication, ingest: Ingest, streams: Streams, *, stopping: bool) -> PipelineReport:
    return PipelineReport(
        publication=said,
        stopping=stopping,
        counters=Status(appended=ingest.acked, stalled=ingest.stalled, spooled=ingest.spooled),
        events_per_s=0.0,
        processes=[ProcessStatus(name="ingest", pid=said.pid, ready=True, starts=1, in_flight=0)],
        streams=streams.statuses(),
        rings=[],
        members={},
        lag_age_s=None,
    )
