"""Tests of how a source that goes away and comes back is followed, without a network."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from framehop.account import LeftOut
from framehop.errors import LogBusyError, LogError, LogFullError, LogUnavailableError, SourceAwayError, SourceError
from framehop.log.spool.options import SpoolOptions
from framehop.log.spool.spooled_log import SpooledLog
from framehop.pipeline.control_plane import asking
from framehop.pipeline.ingest.health import Vitals
from framehop.pipeline.ingest.ingest import Ingest, ingest
from framehop.pipeline.ingest.live_feed import LiveFeed, feed_of
from framehop.pipeline.ingest.reporter import published
from framehop.pipeline.ingest.retrying import PATIENT_S, STEADY_S, Retrying
from framehop.pipeline.processes.source_messages import MAX_LAST_ERROR, SourceOrder
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.streams.streams import Streams
from framehop.protocols import FrameLog, Picture, Source, SourceFacts
from framehop.sources.live.losses import Losses
from framehop.testing.clock import ManualClock, ManualEvent
from framehop.testing.memory_log import MemoryLog
from framehop.testing.memory_writer import MemoryWriter
from framehop.testing.synthetic import ListSource
from framehop.types import Frame, FrameKey, FrameMeta, StreamState
from tests.spools import MIB, MemoryBehind


class Script:
    """A live source that does what its parts say, one for each connection: how many pictures of which epochs, and what ends it."""

    finite = False
    count = None
    rate = 25.0
    uri = "rtsp://cam/x"
    stream = "cam"
    facts = SourceFacts(codec="h264", rate=25.0)

    def __init__(self, *parts: tuple[Sequence[int], Exception | None], on_end: Callable[[], None]) -> None:
        self._parts = list(parts)
        self._on_end = on_end
        self._losses = Losses()

    @property
    def left_out(self) -> Sequence[LeftOut]:
        return self._losses.so_far

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        raise AssertionError("a live source is followed")

    def follow(self, stopped: Callable[[], bool]) -> Iterator[Picture]:
        if not self._parts:
            self._on_end()
            return
        lengths, error = self._parts.pop(0)
        for length in lengths:
            for number in range(length):
                yield Picture(payload=b"x", media_us=0, begins=number == 0, captured_us=number, clock="camera")
            self._losses.add("lost at the end of an epoch", length)
        if error is not None:
            raise error


@pytest.fixture
def log() -> Iterator[FrameLog]:
    with MemoryLog() as opened:
        yield opened


def follow(log: FrameLog, *parts: tuple[Sequence[int], Exception | None]) -> None:
    clock = ManualClock()
    stop = ManualEvent(clock)
    summary = ingest(log, [Script(*parts, on_end=stop.set)], stop=stop, clock=clock)
    assert summary.errors == {}


def epochs(log: FrameLog) -> list[list[FrameMeta]]:
    found: dict[int, list[FrameMeta]] = {}
    for meta in sorted(log.scan_frames(), key=lambda meta: meta.key):
        found.setdefault(meta.key.epoch, []).append(meta)
    return list(found.values())


AWAY = SourceAwayError("rtsp://cam/x has closed the connection")


def test_every_connection_and_every_change_begins_an_epoch(log: FrameLog) -> None:
    follow(log, ([3, 2], AWAY), ([], AWAY), ([4], AWAY), ([1], None))
    found = epochs(log)
    assert [[meta.key.seq for meta in epoch] for epoch in found] == [[0, 1, 2], [0, 1], [0, 1, 2, 3], [0]]
    assert {meta.clock for epoch in found for meta in epoch} == {"camera"}
    assert [meta.captured_us for meta in found[0]] == [0, 1, 2]


def test_what_is_left_out_is_in_the_account_of_its_epoch(log: FrameLog) -> None:
    follow(log, ([3, 2], AWAY), ([4], None))
    accounts = log.ingest_accounts()
    assert [(account.appended, sum(left.count for left in account.left_out)) for account in accounts] == [
        (3, 3),
        (2, 2),
        (4, 4),
    ]
    assert [account.ended for account in accounts] == ["finished", str(AWAY), "finished"]


def test_what_can_never_be_read_fails(log: FrameLog) -> None:
    source = Script(([1], SourceError("cannot go into the log as it is")), on_end=lambda: None)
    summary = ingest(log, [source, ListSource([b"x"])], rate="max")
    assert summary.errors == {"cam": "cannot go into the log as it is"}
    assert summary.frames == 2


@pytest.mark.parametrize("kind", [LogUnavailableError, LogFullError, LogBusyError])
def test_a_log_that_is_away_when_an_epoch_begins_is_waited_for(
    log: FrameLog, monkeypatch: pytest.MonkeyPatch, kind: type[LogError]
) -> None:
    next_pass, tries = MemoryWriter.next_pass, [kind("of the test")] * 3

    def flaky(writer: MemoryWriter, stream: str) -> StreamState:
        if tries:
            raise tries.pop()
        return next_pass(writer, stream)

    monkeypatch.setattr(MemoryWriter, "next_pass", flaky)
    follow(log, ([1, 1], None))
    assert len(epochs(log)) == 2


@pytest.mark.parametrize("kind", [LogUnavailableError, LogFullError, LogBusyError])
def test_a_log_that_is_away_when_the_source_begins_is_waited_for(
    log: FrameLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: type[LogError]
) -> None:
    open_stream, tries = MemoryWriter.open_stream, [kind("no broker answers")] * 3

    def flaky(writer: MemoryWriter, stream: str, **how: Any) -> StreamState:
        if tries:
            raise tries.pop()
        return open_stream(writer, stream, **how)

    monkeypatch.setattr(MemoryWriter, "open_stream", flaky)
    follow(log, ([2], None))
    assert [len(epoch) for epoch in epochs(log)] == [2]
    assert caplog.text.count("waits for the log: no broker answers") == 1


def test_a_stop_ends_the_wait_for_a_log_that_is_away(log: FrameLog, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()

    def away(*_args: object, **_options: object) -> StreamState:
        stop.set()
        raise LogUnavailableError("no broker answers")

    monkeypatch.setattr(MemoryWriter, "open_stream", away)
    summary = ingest(log, [Script(on_end=lambda: None)], stop=stop)
    assert (summary.frames, summary.errors) == (0, {})


def test_every_connection_begins_an_epoch_in_a_spool_too(tmp_path: Path) -> None:
    stop = threading.Event()
    with MemoryLog() as log:
        behind = MemoryBehind(log)
        with SpooledLog(behind, tmp_path, SpoolOptions(), queue_bytes=MIB) as spooled:
            summary = ingest(spooled, [Script(([2, 1], None), on_end=stop.set)], stop=stop)
        assert summary.errors == {}
        assert [[meta.key.seq for meta in epoch] for epoch in epochs(log)] == [[0, 1], [0]]
        assert [account.appended for account in log.ingest_accounts()] == [2, 1]


def test_an_ingest_by_itself_tells_those_who_ask_what_is_in_its_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(asking, "runtime_parents", lambda: [tmp_path])  # others of this user may run elsewhere
    monkeypatch.setattr("framehop.pipeline.ingest.retrying.FIRST_S", 0.01)
    stop, roster = threading.Event(), Roster()
    with MemoryLog() as log:
        behind = MemoryBehind(log)
        behind.leave()
        with SpooledLog(behind, tmp_path / "spool", SpoolOptions(), queue_bytes=MIB) as spooled:
            roster.add(SourceOrder(stream="cam", source="rtsp://cam/x", rate="realtime", loop=1, since_us=1))
            work = Ingest(spooled, roster, at_hand={"cam": Script(([3], AWAY), on_end=stop.set)}, stop=stop)
            with published(work, Streams(roster), log=log.url, stopping=stop.is_set):
                work.run()
                [there] = asking.published()
                assert asking.ask_status(there).counters.spooled.frames == 3


def test_a_frame_that_is_never_acknowledged_does_not_hold_up_the_next_epoch_for_ever(
    log: FrameLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = MemoryWriter.append
    monkeypatch.setattr(MemoryWriter, "append", lambda writer, frame, *_rest, **_named: append(writer, frame))
    clock = ManualClock()
    stop = ManualEvent(clock)
    summary = ingest(log, [Script(([1, 1], None), on_end=stop.set)], stop=stop, clock=clock)
    assert summary.streams["cam"].in_doubt == 2
    assert len(epochs(log)) == 2


def test_a_stop_ends_the_wait_for_the_next_try(log: FrameLog) -> None:
    stop = threading.Event()

    class Stops(Script):
        def follow(self, stopped: Callable[[], bool]) -> Iterator[Picture]:
            threading.Timer(0.0, stop.set).start()
            raise SourceAwayError("away", patient=True)

    summary = ingest(log, [Stops(on_end=lambda: None)], stop=stop)
    assert (summary.frames, summary.stopped) == (0, True)


# ---------------------------------------------------------------- when it is tried again


def longest(low: float, high: float) -> float:
    return high


def test_waits_double_up_to_a_minute_and_begin_anew_after_a_steady_time() -> None:
    clock = ManualClock()
    retrying = Retrying("cam", clock, longest)
    assert [retrying.failed(AWAY) for _ in range(8)] == [2, 4, 8, 16, 32, 60, 60, 60]
    assert retrying.came()
    clock.advance(STEADY_S - 1)
    assert retrying.failed(AWAY) == 60, "it did not last"
    assert retrying.came()
    clock.advance(STEADY_S)
    assert retrying.failed(AWAY) == 2
    assert Retrying("cam", clock, min).failed(AWAY) == 1


def test_a_wrong_password_is_tried_slowly() -> None:
    waits = [Retrying("cam", ManualClock()).failed(SourceAwayError("refused", patient=True)) for _ in range(50)]
    assert all(PATIENT_S <= wait <= 60 for wait in waits)


def test_a_reason_is_told_once_and_then_at_growing_intervals(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    retrying = Retrying("cam", clock)
    told = []
    for second in range(4000):
        before = len(caplog.records)
        retrying.failed(AWAY)
        told += [second] * (len(caplog.records) - before)
        clock.advance(1)
    assert told == [0, 60, 180, 420, 900, 1860, 3780]
    retrying.failed(SourceAwayError("another reason"))
    assert caplog.records[-1].getMessage().startswith("stream cam: another reason; next try in")
    assert retrying.came()
    assert caplog.records[-1].getMessage() == "stream cam: back after 4000 s"
    assert not retrying.came()


# ---------------------------------------------------------------- its health


def frame(received_us: int) -> Frame:
    return Frame(
        key=FrameKey("cam", 1, 0),
        payload=b"1234",
        captured_us=0,
        received_us=received_us,
        content_type="video/h264;orientation=6",
        width=64,
        height=48,
    )


def test_its_health_says_what_it_sends_and_how_fast() -> None:
    clock = ManualClock()
    vitals = Vitals(ListSource([b"x"], rate=12.5), clock)
    opened = vitals.health()
    assert (vitals.phase, opened.fps, opened.declared_fps) == ("opening", 0.0, 12.5)
    for _ in range(100):
        clock.advance(0.1)
        vitals.saw(frame(clock.now_us()))
    health = vitals.health()
    assert (vitals.phase, health.codec, health.width, health.height, health.bytes) == ("running", "h264", 64, 48, 400)
    assert health.fps == pytest.approx(10, abs=0.5)
    assert health.last_frame_us == clock.now_us()
    clock.advance(60)
    assert vitals.health().fps == 0.0


def test_its_health_says_when_it_is_tried_again() -> None:
    clock = ManualClock()
    vitals = Vitals(Script(on_end=lambda: None), clock)
    clock.advance(1)
    vitals.away("refused", 7)
    away = vitals.health()
    assert (vitals.phase, vitals.error, away.next_try_us) == ("retrying", "refused", 7)
    assert (away.phase_since_us, away.codec, away.declared_fps) == (clock.now_us(), "h264", 25.0)
    assert away.last_error == "refused"
    vitals.reconnected()
    vitals.saw(frame(clock.now_us()))
    back = vitals.health()
    assert (vitals.phase, vitals.error, back.next_try_us, back.reconnects) == ("running", "", 0, 1)
    assert back.last_error == "refused", "why it was away can still be asked"
    vitals.away("x" * 1000 + "\n", 7)
    assert vitals.health().last_error == "x" * MAX_LAST_ERROR


def test_its_health_says_whose_clock_it_has_and_what_is_wrong_with_it() -> None:
    clock, source = ManualClock(), Script(on_end=lambda: None)
    vitals = Vitals(source, clock)
    assert (vitals.health().clock, vitals.health().doubt) == ("", "")
    vitals.saw(replace(frame(clock.now_us()), clock="camera"))
    assert (vitals.health().clock, vitals.health().doubt) == ("camera", "")
    source.facts = SourceFacts(codec="h264", doubt="jumped by -7200.0 s")
    vitals.saw(frame(clock.now_us()))
    assert (vitals.health().clock, vitals.health().doubt) == ("ingest", "jumped by -7200.0 s")


def test_only_a_live_source_is_followed(log: FrameLog) -> None:
    def kind(source: Source) -> type:
        with log.writer() as writer:
            return type(feed_of(source, writer, rate="max", loop=1, clock=ManualClock(), stop=threading.Event()))

    assert kind(Script(on_end=lambda: None)) is LiveFeed
    assert kind(ListSource([b"x"])) is not LiveFeed


def test_it_is_said_that_a_source_is_away_and_back(log: FrameLog, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    follow(log, ([1], AWAY), ([1], None))
    texts = [record.getMessage() for record in caplog.records]
    assert [text.split("; ")[0].split(" after")[0] for text in texts[:2]] == [
        "stream cam: rtsp://cam/x has closed the connection",
        "stream cam: back",
    ]
    assert all(a != b for a, b in pairwise(texts))
