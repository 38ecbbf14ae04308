"""Answers requests about the streams of a pipeline."""

from __future__ import annotations

from framehop.pipeline.control_plane.requests import (
    AddStreams,
    ChangeStreams,
    Publication,
    StreamRequest,
    StreamsReport,
)
from framehop.pipeline.ingest.pacing import parse_rate
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.pipeline.streams.streams import Streams


def answer_streams(streams: Streams, said: Publication, request: StreamRequest) -> StreamsReport:
    """Do what is asked, and return the streams that it is about. Raises what Streams raises."""
    return StreamsReport(publication=said, streams=_answered(streams, request))


def _answered(streams: Streams, request: StreamRequest) -> list[StreamStatus]:
    match request:
        case AddStreams(sources, rate, loop, codec):
            return streams.statuses(*streams.add(sources, rate=parse_rate(rate), loop=loop, codec=codec))
        case ChangeStreams("remove", names):
            before = streams.statuses(*names)
            streams.remove(*names)
            return before
        case ChangeStreams("pause", names):
            streams.pause(*names)
            return streams.statuses(*names)
        case ChangeStreams(_, names):
            streams.resume(*names)
            return streams.statuses(*names)
        case _:
            return streams.statuses()
