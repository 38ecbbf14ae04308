"""Ingest: order, identity, passes, pacing, failures, and stopping."""

from __future__ import annotations

import errno
import threading
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from framehop.errors import ConfigError, LogFullError, SourceError
from framehop.pipeline.ingest.feed import OPEN_AGAIN_S
from framehop.pipeline.ingest.ingest import IngestProgress, ingest
from framehop.pipeline.ingest.pacing import Pacer, Rate, parse_rate
from framehop.pipeline.stop import StopSignal
from framehop.protocols import Picture
from framehop.testing.clock import ManualClock, ManualEvent
from framehop.testing.synthetic import BrokenSource, ListSource, PictureSource
from framehop.types import Frame, FrameKey, StreamState
from tests.written_log import EPOCH, Endless, WrittenLog, as_log, payloads


def test_every_picture_becomes_a_frame_in_order() -> None:
    log = WrittenLog()
    summary = ingest(as_log(log), [ListSource(payloads(5), stream="a")], rate="max")
    assert log.keys == [FrameKey("a", EPOCH, seq) for seq in range(5)]
    assert [frame.payload for frame in log.frames] == payloads(5)
    assert [frame.captured_us for frame in log.frames] == [EPOCH - 500_000 + seq * 100_000 for seq in range(5)]
    stream = summary.streams["a"]
    assert (stream.frames, stream.in_doubt, stream.bytes, stream.first_seq, stream.last_seq) == (5, 0, 5, 0, 4)
    assert stream.finished
    assert not summary.stopped
    assert not summary.errors
    assert log.finished == ["a"]
    assert log.closed


def test_a_picture_without_pixels_goes_into_the_log_with_its_reason() -> None:
    log = WrittenLog()
    source = PictureSource([Picture(payload=b"GIF", media_us=0, error="undecodable: \x1b[1mcut\udcff.gif: short")])
    ingest(as_log(log), [source], rate="max")
    (frame,) = log.frames
    assert (frame.payload, frame.error) == (b"GIF", "undecodable: \\x1b[1mcut\\udcff.gif: short")


def test_trace_contexts_are_fresh_and_well_formed() -> None:
    log = WrittenLog()
    ingest(as_log(log), [ListSource(payloads(20))], rate="max")
    traces = {frame.traceparent for frame in log.frames}
    assert len(traces) == 20
    for trace in traces:
        version, trace_id, parent_id, flags = trace.split("-")
        assert (version, len(trace_id), len(parent_id), flags) == ("00", 32, 16, "01")
        assert int(trace_id, 16) * int(parent_id, 16) > 0


def test_a_log_without_room_is_waited_for_when_a_film_begins(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    open_stream, tries = WrittenLog.open_stream, [LogFullError("no room")] * 3
    clock = ManualClock()

    def full(log: WrittenLog, stream: str, **how: Any) -> StreamState:
        if tries:
            raise tries.pop()
        return open_stream(log, stream, **how)

    monkeypatch.setattr(WrittenLog, "open_stream", full)
    log = WrittenLog()
    summary = ingest(as_log(log), [ListSource(payloads(2), stream="a")], rate="max", clock=clock)
    assert (summary.errors, len(log.keys), log.finished) == ({}, 2, ["a"])
    assert clock.monotonic() == 3 * OPEN_AGAIN_S
    assert caplog.messages == ["stream a waits for the log: no room"]


def test_an_endless_source_is_stamped_by_the_clock() -> None:
    clock = ManualClock()
    stop = ManualEvent(clock)
    log = WrittenLog()
    endless = Endless(lambda seq: stop.set() if seq == 4 else None)
    summary = ingest(as_log(log), [endless], clock=clock, stop=stop)
    assert [frame.captured_us - log.frames[0].captured_us for frame in log.frames] == [0, 40_000, 80_000, 120_000]
    assert all(frame.captured_us == frame.received_us for frame in log.frames)
    assert summary.stopped
    assert log.finished == []


def test_realtime_keeps_an_absolute_schedule() -> None:
    clock = ManualClock()
    stop = ManualEvent(clock)
    at: list[float] = []
    late = iter([0.0, 0.03, 0.25, 0.0, 0.0, 0.0])  # what each append takes; the third is longer than a period

    def note(_frame: Frame) -> None:
        at.append(clock.monotonic())
        clock.advance(next(late))

    ingest(as_log(WrittenLog(refuse=note)), [ListSource(payloads(6), rate=10)], clock=clock, stop=stop)
    assert at == pytest.approx([0, 0.1, 0.2, 0.45, 0.45, 0.5])  # late, caught up, and on time again: nothing skipped


@pytest.mark.parametrize(("rate", "expected"), [("realtime", [0, 0.5, 0.6]), (4.0, [0, 0.25, 0.5]), ("max", [0, 0, 0])])
def test_rates(rate: Rate, expected: list[float]) -> None:
    clock = ManualClock()
    pacer = Pacer(rate, source_rate=10, clock=clock, stop=ManualEvent(clock))
    at = [clock.monotonic() for media_us in (0, 500_000, 600_000) if pacer.wait(media_us)]
    assert at == pytest.approx(expected)


def test_the_next_pass_starts_one_period_after_the_last_picture() -> None:
    clock = ManualClock()
    at: list[float] = []
    log = WrittenLog(refuse=lambda _frame: at.append(clock.monotonic()))
    ingest(as_log(log), [ListSource(payloads(2), rate=10)], loop=3, clock=clock, stop=ManualEvent(clock))
    assert at == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_each_pass_is_an_epoch_of_its_own() -> None:
    log = WrittenLog()
    summary = ingest(as_log(log), [ListSource(payloads(3), stream="a")], rate="max", loop=3)
    epochs = [frame.key.epoch for frame in log.frames]
    assert Counter(epochs) == {epochs[0]: 3, epochs[3]: 3, epochs[6]: 3}
    assert epochs == sorted(epochs)
    assert (summary.streams["a"].passes, summary.streams["a"].epoch, summary.frames) == (3, epochs[-1], 9)
    assert log.finished == ["a"]


def _stopping_log(stop: threading.Event, after: int) -> WrittenLog:
    def full(_frame: Frame) -> bool:
        if len(log.frames) == after:
            stop.set()
        return stop.is_set()

    log = WrittenLog(refuse=full)
    return log


@pytest.mark.parametrize("stopped_after", [0, 1, 5, 6, 7, 11])
def test_an_interrupted_loop_goes_on_where_it_was(stopped_after: int) -> None:
    stop = threading.Event()
    log = _stopping_log(stop, stopped_after)
    source = ListSource(payloads(6), stream="a")
    first = ingest(as_log(log), [source], rate="max", loop=2, stop=stop)
    assert first.stopped
    assert first.frames == stopped_after
    assert log.finished == []
    log.refuse = lambda _frame: False
    second = ingest(as_log(log), [source], rate="max", loop=2)
    assert second.streams["a"].finished
    assert first.frames + second.frames == 12
    assert len(set(log.keys)) == 12
    assert [frame.payload for frame in log.frames] == payloads(6) * 2


def test_a_source_that_breaks_stops_nobody_else_and_goes_on_later() -> None:
    log = WrittenLog()
    good, broken = ListSource(payloads(50), stream="good"), BrokenSource(payloads(9), fail_at=4, stream="bad")
    summary = ingest(as_log(log), [good, broken], rate="max")
    assert Counter(frame.key.stream for frame in log.frames) == {"good": 50, "bad": 4}
    assert summary.errors == {"bad": "list:bad breaks at picture 4"}
    assert not summary.stopped
    assert log.finished == ["good"]
    ingest(as_log(log), [ListSource(payloads(9), stream="bad")], rate="max")
    assert [frame.key.seq for frame in log.frames if frame.key.stream == "bad"] == list(range(9))


def test_a_source_of_someone_elses_may_raise_anything(caplog: pytest.LogCaptureFixture) -> None:
    def fail(seq: int) -> None:
        raise ZeroDivisionError("in a plug-in")

    log = WrittenLog()
    summary = ingest(as_log(log), [Endless(fail), ListSource(payloads(2), stream="good")], rate="max")
    assert summary.errors == {"endless": "ZeroDivisionError: in a plug-in"}
    assert log.finished == ["good"]
    assert "endless: failed" in caplog.text


@pytest.mark.parametrize(
    "error",
    [MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory"), RuntimeError("can't start new thread")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_lack_of_memory_is_no_sources_fault_and_ends_the_ingest(error: Exception, wrapped: bool) -> None:
    def fail(_seq: int) -> None:
        if wrapped:
            raise SourceError("cannot read on") from error
        raise error

    log = WrittenLog()
    waiting = ListSource(payloads(3), rate=0.001, stream="slow")  # 1,000 s to its next picture
    with pytest.raises(SourceError if wrapped else type(error)):
        ingest(as_log(log), [Endless(fail), waiting])
    assert log.finished == []
    assert log.closed


def test_a_stream_that_is_written_elsewhere_is_reported() -> None:
    log = WrittenLog()
    log.busy = {"a"}
    summary = ingest(as_log(log), [ListSource(payloads(2), stream=stream) for stream in ("a", "b")], rate="max")
    assert "another process" in summary.errors["a"]
    assert log.finished == ["b"]


@pytest.mark.parametrize(("payloads", "loop"), [([], 1), ([], 0)])
def test_a_source_without_pictures_is_an_error_and_no_endless_loop(payloads: Sequence[bytes], loop: int) -> None:
    summary = ingest(as_log(WrittenLog()), [ListSource(payloads, stream="a")], rate="max", loop=loop)
    assert "gave no pictures" in summary.errors["a"]


def test_a_source_that_was_complete_when_the_process_died_adds_nothing() -> None:
    """The process died after the last frame and before the pass was finished."""
    log = WrittenLog()
    source = ListSource(payloads(3), stream="a")
    ingest(as_log(log), [source], rate="max")
    log.finished.clear()
    summary = ingest(as_log(log), [source], rate="max")
    assert (summary.frames, summary.streams["a"].finished, summary.streams["a"].last_seq) == (0, True, None)


def test_no_source_is_finished_before_all_are() -> None:
    """A killed and restarted ingest would repeat the short one if that were finished first."""
    finished_at: list[list[str]] = []
    log = WrittenLog(refuse=lambda _frame: finished_at.append(list(log.finished)))
    ingest(as_log(log), [ListSource(payloads(1), stream="short"), ListSource(payloads(80), stream="long")], rate="max")
    assert finished_at == [[]] * 81
    assert sorted(log.finished) == ["long", "short"]


def test_stop_ends_a_wait_for_the_next_picture_at_once() -> None:
    stop = threading.Event()
    log = WrittenLog(refuse=lambda _frame: stop.set())
    summary = ingest(as_log(log), [ListSource(payloads(3), rate=0.001)], stop=stop)  # 1,000 s to the next picture
    assert (summary.frames, summary.stopped) == (1, True)
    assert log.flushes == 1


def test_stop_ends_a_wait_for_room_in_the_log() -> None:
    stop = threading.Event()

    def full(_frame: Frame) -> bool:
        stop.set()
        return True

    summary = ingest(as_log(WrittenLog(refuse=full)), [Endless()], rate="max", stop=stop)
    assert (summary.frames, summary.stopped) == (0, True)


def test_a_stalled_log_is_said_once_and_shown_in_the_progress(caplog: pytest.LogCaptureFixture) -> None:
    log = WrittenLog()
    log.stalled = "disk full"
    seen: list[IngestProgress] = []
    ingest(as_log(log), [ListSource(payloads(3), stream="a")], rate="max", on_progress=seen.append)
    assert caplog.text.count("the log takes no frames: disk full") == 1
    assert seen[-1].stalled == "disk full"
    last = seen[-1].streams[0]
    assert (last.stream, last.appended, last.acked, last.total, last.error) == ("a", 3, 3, 3, "")


def _in_vain(clock: ManualClock, timeout_s: float) -> bool:
    clock.advance(timeout_s)
    return False


def test_a_log_that_never_acknowledges_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    log = WrittenLog()
    log.on_flush = lambda timeout_s: _in_vain(clock, timeout_s)
    ingest(as_log(log), [ListSource(payloads(3))], rate="max", clock=clock)
    assert clock.monotonic() == pytest.approx(30, abs=1)
    assert "not all frames were acknowledged" in caplog.text


def test_a_full_disk_is_waited_out() -> None:
    clock = ManualClock()
    log = WrittenLog()
    log.stalled = "disk full"

    def flush(timeout_s: float) -> bool:
        clock.advance(timeout_s)
        if clock.monotonic() > 3600:
            log.stalled = ""
        return not log.stalled

    log.on_flush = flush
    summary = ingest(as_log(log), [ListSource(payloads(3), stream="a")], rate="max", clock=clock)
    assert clock.monotonic() > 3600
    assert summary.streams["a"].finished


@pytest.mark.parametrize(("stalled", "seconds"), [("", 5.0), ("disk full", 0.5)])
def test_after_a_stop_the_flush_is_short(stalled: str, seconds: float) -> None:
    clock = ManualClock()
    stop = ManualEvent(clock)
    log = WrittenLog(refuse=lambda _frame: stop.set())
    log.stalled = stalled
    log.on_flush = lambda timeout_s: _in_vain(clock, timeout_s)
    ingest(as_log(log), [ListSource(payloads(3))], clock=clock, stop=stop)
    assert clock.monotonic() == pytest.approx(seconds)


def test_the_pipelines_stop_signal_will_do() -> None:
    with StopSignal() as stop:
        log = WrittenLog(refuse=lambda _frame: stop.request())
        summary = ingest(as_log(log), [ListSource(payloads(3), rate=0.001)], stop=stop.event)
        assert (summary.frames, summary.stopped) == (1, True)


def test_an_exception_in_the_callback_ends_all_threads() -> None:
    def interrupt(_progress: IngestProgress) -> None:
        raise KeyboardInterrupt

    log = WrittenLog()
    with pytest.raises(KeyboardInterrupt):
        ingest(as_log(log), [Endless()], on_progress=interrupt)
    assert log.closed
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ingest")]


def test_the_received_time_never_runs_backwards_within_a_stream() -> None:
    log = WrittenLog()
    ingest(as_log(log), [ListSource(payloads(30))], rate="max")
    assert all(a.received_us <= b.received_us for a, b in pairwise(log.frames))


@pytest.mark.parametrize(
    ("sources", "rate", "loop", "message"),
    [
        (0, "max", 1, "at least one source"),
        (2, "max", 1, "stream id 'list'"),
        (1, "max", -1, "loop -1"),
        (1, 0.0, 1, r"rate 0\.0 is out of range"),
        (1, float("nan"), 1, "rate nan"),
    ],
)
def test_what_cannot_be_ingested_is_refused_before_anything_is_written(
    sources: int, rate: Rate, loop: int, message: str
) -> None:
    log = WrittenLog()
    with pytest.raises(ConfigError, match=message):
        ingest(as_log(log), [ListSource([b"x"])] * sources, rate=rate, loop=loop)
    assert log.frames == []


@pytest.mark.parametrize(("text", "rate"), [("max", "max"), ("realtime", "realtime"), ("12.5", 12.5)])
def test_parse_rate(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "-1", "0", "inf", "nan"])
def test_parse_rate_refuses(text: str) -> None:
    with pytest.raises(ConfigError, match="use"):
        parse_rate(text)
