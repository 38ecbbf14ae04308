"""Ingests from cameras into a log in memory, and looks at what lies there."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from framehop.pipeline.ingest.ingest import IngestSummary, ingest
from framehop.protocols import FrameLog, Source
from framehop.sources.address import Address
from framehop.sources.film import Codec
from framehop.sources.live.live_video import LiveVideo
from framehop.types import FrameMeta

SECOND = "keyint=25:min-keyint=25:scenecut=0"  # groups of pictures of one second


def camera(
    url: str, stream: str = "cam", *, codec: Codec = "auto", open_s: float = 20.0, stall_s: float = 20.0
) -> LiveVideo:
    return LiveVideo(Address.parse(url), stream=stream, codec=codec, open_s=open_s, stall_s=stall_s)


@contextlib.contextmanager
def following(log: FrameLog, *sources: Source) -> Iterator[Callable[[], IngestSummary]]:
    """Ingest until the end of the block, or until what this gives is called."""
    stop, done = threading.Event(), list[IngestSummary]()
    thread = threading.Thread(target=lambda: done.append(ingest(log, sources, stop=stop)))
    thread.start()

    def end() -> IngestSummary:
        stop.set()
        thread.join(60)
        assert done, "the ingest does not end"
        return done[0]

    try:
        yield end
    finally:
        end()


def frames(log: FrameLog, stream: str = "cam") -> list[FrameMeta]:
    return sorted((meta for meta in log.scan_frames() if meta.key.stream == stream), key=lambda meta: meta.key)


def epochs(log: FrameLog, stream: str = "cam") -> list[list[FrameMeta]]:
    """Return the frames by epoch, in order."""
    found: dict[int, list[FrameMeta]] = {}
    for meta in frames(log, stream):
        found.setdefault(meta.key.epoch, []).append(meta)
    return list(found.values())


def payload(log: FrameLog, meta: FrameMeta) -> bytes:
    record = log.read_frame(meta.pointer)
    assert record is not None
    assert record.payload is not None
    return bytes(record.payload)


def check_epochs(found: Sequence[Sequence[FrameMeta]]) -> None:
    """Every epoch counts from 0 without a gap, begins with a key frame, and goes on in time."""
    for epoch in found:
        assert [meta.key.seq for meta in epoch] == list(range(len(epoch)))
        assert epoch[0].keyframe
        assert all(a.captured_us < b.captured_us for a, b in pairwise(epoch))
