"""Tests of what the page's answers are put together from: figures, queues, looks, threads, states of streams."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from framehop.pipeline.processes.source_messages import Phase, SourceHealth
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.timing import now_us
from framehop.types import Outcome
from framehop.web import figures as figures_module
from framehop.web import live as live_module
from framehop.web.errors import ApiError
from framehop.web.figures import BOUNDS_MS, OTHER, LastMinute, bucket, percentiles
from framehop.web.live import LiveState, StreamSeen
from framehop.web.pool import Pool
from framehop.web.streams import stall_reason, stream_rows
from framehop.web.totals import MAX_LABELLED, MAX_LANES, Totals
from tests.events import event_of, recorded
from tests.waiting import until

NOW_US = 1_795_000_000_000_000
S = 1_000_000

# ---------------------------------------------------------------- figures


@pytest.mark.parametrize("value", [0.0, 0.1, 0.11, 1.0, 33.3, 1000.0, 99_999.0])
def test_a_time_lies_in_its_bucket(value: float) -> None:
    index = bucket(value)
    assert value <= BOUNDS_MS[index] * (1 + 1e-9)
    assert index == 0 or value > BOUNDS_MS[index - 1]


def test_what_is_over_every_bound_has_a_bucket_of_its_own() -> None:
    assert bucket(1e12) == len(BOUNDS_MS)


def test_percentiles_are_near_the_true_ones() -> None:
    times = np.random.default_rng(1).lognormal(3, 1, 20_000)
    counts = np.bincount([bucket(float(value)) for value in times], minlength=len(BOUNDS_MS) + 1)
    found = percentiles(counts)
    for share, value in ((50, found.p50), (90, found.p90), (99, found.p99)):
        assert value == pytest.approx(float(np.percentile(times, share)), rel=0.12)
    assert found.count == 20_000


def test_figures_forget_what_is_older_than_a_minute() -> None:
    figures = LastMinute()
    for age in (70, 59, 1, 0, -7200):  # the last is of a clock that is two hours ahead
        figures.note(event_of(age, stages_ms={"infer": 20.0, "batch": 4.0}), NOW_US - age * S, NOW_US)
    assert figures.outcomes(NOW_US) == {"detected": 4}
    assert figures.batches(NOW_US) == {4: 4}
    assert figures.stages(NOW_US)["infer"].count == 4
    assert figures.outcomes(NOW_US + 61 * S) == {}
    assert figures.stages(NOW_US + 61 * S) == {}


def test_a_second_makes_room_for_the_one_a_minute_later() -> None:
    figures = LastMinute()
    figures.note(event_of(1, outcome="failed", reason="a"), NOW_US, NOW_US)
    figures.note(event_of(2, outcome="failed", reason="b"), NOW_US + 60 * S, NOW_US + 60 * S)
    assert figures.reasons(NOW_US + 60 * S) == {("failed", "b"): 1}


def test_hostile_events_take_no_more_memory_than_others() -> None:
    figures = LastMinute()
    for number in range(500):
        stages = {f"stage {number}": 1.0, "infer": float("inf"), "batch": 1e300}
        figures.note(event_of(number, outcome="failed", reason=f"{number}" * 1000, stages_ms=stages), NOW_US, NOW_US)
    reasons = figures.reasons(NOW_US)
    assert len(reasons) <= figures_module.MAX_REASONS + 1
    assert max(len(reason) for _, reason in reasons) <= figures_module.LONGEST_REASON
    assert len(figures.stages(NOW_US)) <= figures_module.MAX_STAGES
    assert len(figures.batches(NOW_US)) == 1


def test_streams_beyond_the_limit_are_counted_together() -> None:
    totals = Totals()
    for number in range(MAX_LABELLED + 50):
        totals.note(event_of(1, stream=f"cam-{number}", labels={f"label {number}": 0.5}))
    streams = {stream for stream, _, _ in totals.frames}
    assert len(streams) == MAX_LABELLED + 1
    assert totals.frames[OTHER, "main", "detected"] == 50
    assert totals.objects.total() == MAX_LABELLED + 50
    assert len(totals.objects) <= MAX_LABELLED + 1


def test_lanes_beyond_the_limit_are_counted_together() -> None:
    totals = Totals()
    for number in range(MAX_LANES + 50):
        totals.note(event_of(1, lane=f"try-{number}"))
    assert len(totals.frames) == MAX_LANES + 1
    assert totals.frames["gate", OTHER, "detected"] == 50


# ---------------------------------------------------------------- live


def test_streams_beyond_the_limit_are_forgotten_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "MAX_STREAMS", 3)
    live = LiveState()
    live.note([recorded(event_of(seq, stream=f"cam-{seq % 4}")) for seq in (0, 1, 2, 0, 3)])
    assert sorted(live.streams()) == ["cam-0", "cam-2", "cam-3"]


def test_only_what_is_new_is_told_to_those_who_look() -> None:
    now = now_us()
    old, new = recorded(event_of(1), appended_us=now - 3600 * S), recorded(event_of(2), appended_us=now)
    assert LiveState().note([old, new]) == [new]


@pytest.mark.parametrize("off_us", [-7200 * S, 7200 * S])
def test_what_arrives_is_of_now_however_wrong_the_broker_s_clock_is(off_us: int) -> None:
    """Such a stream is told to who looks, is counted, and is stalled as soon as any other."""
    live, came = LiveState(), recorded(event_of(1), appended_us=now_us() + off_us)
    assert live.note([came], arriving=True) == [came]
    assert live.totals.frames["gate", "main", "detected"] == 1
    assert live.figures.outcomes(now_us())["detected"] == 1
    seen = live.streams()["gate"]
    assert abs(seen.last_us - now_us()) < 60 * S
    assert stall_reason(None, seen, seen.last_us + 4 * S, 0) == "no event has come for 4 s"


def test_what_lay_in_the_log_was_not_taken_in_our_future() -> None:
    """Its stream would not be seen to have stopped until then."""
    live = LiveState()
    live.note([recorded(event_of(1), appended_us=now_us() + 7200 * S)])
    assert live.streams()["gate"].last_us <= now_us()


@pytest.mark.parametrize(
    ("outcomes", "step_us", "shown"),
    [
        (["detected", "skipped"], S, 0),  # boxes do not flicker where some frames are skipped
        (["detected", "skipped"], 3 * S, 1),
        (["skipped", "failed"], S, 0),
        (["failed"], S, None),
    ],
)
def test_the_picture_of_a_stream_is_the_newest_with_boxes(
    outcomes: list[Outcome], step_us: int, shown: int | None
) -> None:
    live = LiveState()
    live.note(
        [recorded(event_of(seq, outcome=outcome), appended_us=seq * step_us) for seq, outcome in enumerate(outcomes)]
    )
    record = live.shown("gate")
    assert (record and record.event.seq) == shown


def test_the_pace_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "now_us", lambda: NOW_US)
    live = LiveState()
    live.note([recorded(event_of(seq), appended_us=NOW_US - 11 * S + seq * S // 10) for seq in range(110)])
    assert live.streams()["gate"].per_s == pytest.approx(10, rel=0.15)


# ---------------------------------------------------------------- the state of a stream


def seen_of(*, silent_s: float = 0.5, interval_us: float = 100_000, failing: int = 0) -> StreamSeen:
    record = recorded(event_of(1, outcome="failed" if failing else "detected", reason="corrupt" if failing else ""))
    return StreamSeen(
        last=record,
        last_us=NOW_US - int(silent_s * S),
        interval_us=interval_us,
        failing=failing,
        events=10,
        failed=failing,
        skipped=0,
        per_s=10.0,
    )


def status_of(phase: Phase = "running", *, silent_s: float = 0.1, fps: float = 10.0, error: str = "") -> StreamStatus:
    health = SourceHealth(phase_since_us=NOW_US - 100 * S, last_frame_us=NOW_US - int(silent_s * S), fps=fps)
    return StreamStatus(stream="gate", source="rtsp://cam", phase=phase, error=error, health=health)


@pytest.mark.parametrize(
    ("status", "seen", "reason"),
    [
        (status_of(), seen_of(), ""),
        (status_of(silent_s=2.9), seen_of(), ""),
        (status_of(silent_s=3.1), seen_of(), "its source has given no frame for 3 s"),
        (status_of(silent_s=8, fps=0.3), seen_of(), ""),
        (status_of(silent_s=11, fps=0.3), seen_of(), "its source has given no frame for 11 s"),
        (status_of("opening", silent_s=9), None, "its source is being opened for 9 s"),
        (status_of("retrying", error="no route to host"), seen_of(), "no route to host"),
        (status_of("failed", error="no such file"), None, "no such file"),
        (status_of("paused", silent_s=900), seen_of(silent_s=900), ""),
        (status_of("ended", silent_s=900), seen_of(silent_s=900), ""),
        (status_of(), seen_of(failing=3), "its last 3 frames failed: corrupt"),
        (status_of(), seen_of(failing=2), ""),
        (status_of(), seen_of(silent_s=5), "its frames have got no event for 5 s"),
        (status_of(), None, ""),
        (None, seen_of(silent_s=2.9), ""),
        (None, seen_of(silent_s=3.5), "no event has come for 4 s"),
        (None, seen_of(silent_s=14, interval_us=5 * S), ""),
        (None, seen_of(silent_s=61), ""),
    ],
)
def test_a_stalled_stream_is_known_with_its_reason(
    status: StreamStatus | None, seen: StreamSeen | None, reason: str
) -> None:
    found = stall_reason(status, seen, NOW_US, NOW_US)
    assert found.startswith(reason) if reason else found == ""


def test_a_source_is_judged_by_when_it_was_asked() -> None:
    assert stall_reason(status_of(), seen_of(), NOW_US, NOW_US - S) == ""
    assert stall_reason(status_of(silent_s=3.5), seen_of(), NOW_US, NOW_US - S) == ""


def test_a_stream_of_events_alone_has_a_row() -> None:
    (row,) = stream_rows([], {"gate": seen_of()}, NOW_US, NOW_US)
    assert (row.state, row.width, row.source, row.last_frame_us) == ("seen", 64, "", row.last_frame_us)


# ---------------------------------------------------------------- threads


def test_calls_beyond_the_queue_are_refused() -> None:
    pool, held, begun = Pool("test", threads=1, waiting=1), threading.Event(), threading.Event()

    def hold() -> bool:
        begun.set()
        return held.wait()

    futures = [pool.submit(hold)]
    assert begun.wait(60)
    futures += [pool.submit(held.wait) for _ in range(2)]
    with pytest.raises(ApiError, match="too many requests"):
        pool.submit(held.wait)
    held.set()
    assert all(future.result(60) for future in futures)
    pool.close()
    with pytest.raises(ApiError):
        pool.submit(held.wait)


def test_a_call_that_hangs_is_left_alone() -> None:
    pool, held = Pool("test", threads=1, waiting=4), threading.Event()

    async def late() -> None:
        await pool.run(held.wait, 0.01)

    with pytest.raises(ApiError, match="no answer within"):
        asyncio.run(late())
    held.set()
    pool.close()


def test_a_call_that_nobody_waits_for_any_more_is_not_begun() -> None:
    """Else a host that is too slow works for those who have left, and is slower still."""
    pool, held, called = Pool("test", threads=1, waiting=4), threading.Event(), threading.Event()
    first = pool.submit(held.wait)
    until(first.running, "the call that holds the thread")

    async def late() -> None:
        await pool.run(called.set, 0.01)

    with pytest.raises(ApiError, match="no answer within"):
        asyncio.run(late())
    held.set()
    assert pool.submit(lambda: True).result(60)
    assert not called.is_set()
    pool.close()
