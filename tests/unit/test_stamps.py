"""Tests of capture times: a file's timeline keeps its steps, and no frame is captured after it was received."""

from __future__ import annotations

from itertools import pairwise

import pytest

from framehop.pipeline.ingest.ingest import ingest
from framehop.pipeline.ingest.pacing import Rate
from framehop.protocols import FrameLog
from framehop.testing.clock import ManualClock, ManualEvent
from framehop.testing.memory_log import MemoryLog
from framehop.testing.memory_writer import MemoryWriter
from framehop.testing.synthetic import ListSource
from framehop.types import Frame, FrameMeta, rfc3339


def _captured(log: FrameLog) -> list[FrameMeta]:
    metas = sorted(log.scan_frames(), key=lambda meta: meta.key)
    assert all(meta.captured_us <= meta.received_us for meta in metas)
    return metas


def _steps(metas: list[FrameMeta]) -> set[int]:
    """Between pictures of one pass."""
    return {
        after.captured_us - before.captured_us
        for before, after in pairwise(metas)
        if before.key.epoch == after.key.epoch
    }


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The log's too, of which epochs are made."""
    clock = ManualClock()
    monkeypatch.setattr("framehop.passes.now_us", clock.now_us)
    monkeypatch.setattr("framehop.testing.memory_writer.now_us", clock.now_us)
    return clock


@pytest.mark.parametrize("rate", ["max", "realtime", 40.0, 5.0])
def test_no_frame_is_captured_after_it_was_received_at_any_pace(clock: ManualClock, rate: Rate) -> None:
    with MemoryLog() as log:
        source = ListSource([b"x"] * 20, rate=10.0)
        ingest(log, [source], rate=rate, loop=2, clock=clock, stop=ManualEvent(clock))
        assert _steps(_captured(log)) == {100_000}


def test_passes_that_catch_up_after_the_log_was_away_are_not_in_the_future(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second pass begins five seconds late and is read at full speed until it is on time again."""
    append = MemoryWriter.append

    def outage(writer: MemoryWriter, frame: Frame, *args: object, **options: object) -> bool:
        if frame.key.seq == 9 and clock.monotonic() < 2:
            clock.advance(5)
        return append(writer, frame, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryWriter, "append", outage)
    with MemoryLog() as log:
        ingest(log, [ListSource([b"x"] * 10, rate=10.0)], loop=3, clock=clock, stop=ManualEvent(clock))
        assert _steps(_captured(log)) == {100_000}


def test_a_file_that_is_longer_than_it_said_is_captured_when_it_comes(clock: ManualClock) -> None:
    with MemoryLog() as log:
        source = ListSource([b"x"] * 20, rate=10.0)
        source.count = 5
        ingest(log, [source], rate="max", clock=clock, stop=ManualEvent(clock))
        metas = _captured(log)
    assert [meta.received_us for meta in metas[6:]] == [meta.captured_us for meta in metas[6:]]


@pytest.mark.parametrize("kind", ["by its length", "by its count"])
def test_a_file_that_claims_to_last_for_ages_has_dates_all_the_same(clock: ManualClock, kind: str) -> None:
    class Ages(ListSource):
        length_us = 10**17

    source = Ages([b"x"] * 3) if kind == "by its length" else ListSource([b"x"] * 3, rate=0.001)
    if kind == "by its count":
        source.count = 1 << 40
    with MemoryLog() as log:
        ingest(log, [source], rate="max", clock=clock, stop=ManualEvent(clock))
        assert all(rfc3339(meta.captured_us) for meta in _captured(log))
