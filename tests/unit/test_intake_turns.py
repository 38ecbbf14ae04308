"""More frames than the detector can look at, in a time of the test's own: who is looked at, how old a frame is then, and that each
frame has its event."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from framehop import _core
from framehop.decode import Decoded, DecodeJob
from framehop.decode.resume import ResumePoints
from framehop.pipeline.worker import intake as intake_module
from framehop.pipeline.worker.in_flight import InFlight
from framehop.pipeline.worker.intake import Intake
from framehop.pipeline.worker.models import DetectorModels
from framehop.pipeline.worker.outcomes import make_event
from framehop.policies import StreamPolicies, parse_policies
from framehop.protocols import FrameConsumer, Tenure
from framehop.testing.synthetic import jpeg
from framehop.timing import Deadline
from framehop.types import Event, FrameRecord, Partition
from tests.frames import record_of
from tests.worker_settings import settings_of

BEGIN_US = 1_700_000_000_000_000
P = Partition("frames", 0)
LANES = 2
POLL_US = 200  # what a look at the log takes
JPEG = jpeg()


@dataclass
class Site(InFlight):
    """The detector and the clock: pictures are looked at in their order, each takes `work_us` on one of the lanes."""

    ring: _core.Ring
    work_us: int
    now_us: int = BEGIN_US
    events: list[Event] = field(default_factory=list)
    looked_us: dict[str, int] = field(default_factory=dict)
    intake: Intake | None = None

    def __post_init__(self) -> None:
        super().__init__()
        self.running: deque[tuple[int, Decoded]] = deque()

    def decoded(self, frames: list[Decoded]) -> None:
        super().decoded(frames)
        for frame in self.take_decoded():
            begins_us = max([self.now_us] + [end_us for end_us, _ in list(self.running)[-LANES : -LANES + 1 or None]])
            self.running.append((begins_us + self.work_us, frame))

    def complete(self, event: Event, tenure: int) -> None:
        super().complete(event, tenure)
        self.events.append(event)

    def pass_until(self, us: int) -> None:
        while self.running and self.running[0][0] <= us:
            self.now_us, frame = self.running.popleft()
            meta = frame.record.meta
            self.ring.retire(frame.ref)
            self.answered()
            self.looked_us[str(meta.key)] = self.now_us - meta.received_us
            self.complete(make_event(meta, lane="main", writer="w", outcome="detected"), frame.record.tenure)
        self.now_us = max(self.now_us, us)

    def wait_pictures_below(self, count: int, timeout_s: float) -> bool:
        until_us = self.now_us + round(timeout_s * 1e6)
        while self.pictures >= count and self.running and self.running[0][0] <= until_us:
            self.pass_until(self.running[0][0])
        if self.pictures >= count:
            self.pass_until(until_us)
        return self.pictures < count


@dataclass
class Log:
    """Gives frames when they are due; closes the intake when it has given all."""

    site: Site
    due: deque[FrameRecord]
    given: int = 0
    longest: int = 0  # as many frames were in the worker at once

    def poll(self, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        self.site.pass_until(self.site.now_us + POLL_US)
        if not self.site.intake_open:
            self.site.pass_until(self.site.now_us + 10_000_000)
            self.site.stop()
        if not self.due:
            self.site.close_intake()
        elif timeout_s:
            self.site.pass_until(max(self.site.now_us, self._due_us(0)))
        count = 0
        while count < min(max_frames, len(self.due)) and self._due_us(count) <= self.site.now_us:
            count += 1
        self.given += count
        self.longest = max(self.longest, self.given - len(self.site.events))
        return [self.due.popleft() for _ in range(count)]

    def _due_us(self, place: int) -> int:
        return self.due[place].meta.appended_us


@dataclass
class Slots:
    """The ring. Who waits for a slot lets time pass until a picture has been looked at."""

    site: Site

    @property
    def slot_count(self) -> int:
        return 0  # a full ring is waited for by `wait_acquire` alone

    def free_slots(self) -> int:
        return self.site.ring.free_slots()

    def wait_acquire(self, tag: _core.FrameTag, timeout_s: float) -> _core.Slot | None:
        if not self.site.ring.free_slots():
            self.site.pass_until(self.site.running[0][0])
        return self.site.ring.try_acquire(tag)


def camera(stream: str, fps: float, seconds: float, *, phase_us: int = 0, skew_us: int = 0) -> list[FrameRecord]:
    """`skew_us`: how far ingest's clock is ahead."""
    frames = []
    for seq in range(int(fps * seconds)):
        at_us = BEGIN_US + phase_us + round(seq * 1e6 / fps)
        frames.append(
            record_of(
                seq, stream=stream, payload=JPEG, received_us=at_us + skew_us, captured_us=at_us, appended_us=at_us
            )
        )
    return frames


Work = Callable[..., tuple[Site, Log]]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """Run a worker's intake over cameras, with a detector that manages so many pictures per second."""
    with _core.Ring.create(str(tmp_path / "ring"), slots=32, slot_bytes=1 << 16) as ring:

        def work(cameras: list[list[FrameRecord]], *policies: str, capacity: float) -> tuple[Site, Log]:
            site = Site(ring, round(LANES * 1e6 / capacity))
            monkeypatch.setattr(intake_module, "now_us", lambda: site.now_us)
            frames = sorted((frame for each in cameras for frame in each), key=lambda frame: frame.meta.appended_us)
            line = [_placed(frame, offset) for offset, frame in enumerate(frames)]
            log, models = Log(site, deque(line)), DetectorModels()
            models.known.set()
            models.at_once, models._run_s = LANES, LANES / capacity
            site.begin({P: Tenure(number=1, offset=0)})
            site.intake = Intake(
                cast(FrameConsumer, log),
                cast(_core.Ring, Slots(site)),
                site,
                models,
                settings_of(),
                policies=StreamPolicies(parse_policies(policies)),
                resume=ResumePoints(),
                writer="w",
            )
            site.intake.run()
            site.raise_failure()
            assert sorted(event.frame.offset for event in site.events) == list(range(len(line))), "an event for each"
            return site, log

        yield work


def _placed(frame: FrameRecord, offset: int) -> FrameRecord:
    meta = frame.meta
    return record_of(
        meta.key.seq,
        stream=meta.key.stream,
        offset=offset,
        payload=JPEG,
        received_us=meta.received_us,
        captured_us=meta.captured_us,
        appended_us=meta.appended_us,
    )


def share(site: Site, stream: str) -> float:
    """The share of a stream's frames that were looked at."""
    outcomes = Counter(event.outcome for event in site.events if event.stream == stream)
    return outcomes["detected"] / sum(outcomes.values())


def reasons(site: Site) -> set[str]:
    return {event.reason for event in site.events if event.outcome == "skipped"}


def nine_and_one() -> list[list[FrameRecord]]:
    slow = [camera(f"slow-{k}", 5, 20, phase_us=k * 13_700) for k in range(9)]
    return [*slow, camera("fast", 60, 20)]


@pytest.mark.parametrize("capacity", [55, 60, 80])
def test_under_latest_a_fast_camera_takes_nothing_from_nine_slow_ones(work: Work, capacity: float) -> None:
    site, _ = work(nine_and_one(), "latest", capacity=capacity)
    shares = [share(site, f"slow-{k}") for k in range(9)]
    assert min(shares) >= 0.9, shares
    looked = sum(event.outcome == "detected" for event in site.events)
    assert looked >= 0.95 * 20 * min(capacity, 105), "the detector was kept at work"
    assert max(site.looked_us.values()) <= 500_000
    assert reasons(site) == {"not-newest"}


def test_where_there_is_not_enough_for_all_each_gets_its_part(work: Work) -> None:
    site, _ = work(nine_and_one(), "latest", capacity=30)
    looked = Counter(event.stream for event in site.events if event.outcome == "detected")
    assert min(looked.values()) >= 0.8 * 30 * 20 / 10, looked
    assert max(site.looked_us.values()) <= 500_000


def test_under_latest_at_125_percent_nearly_all_that_can_be_looked_at_is_in_time(work: Work) -> None:
    site, log = work([camera(f"cam-{k}", 5, 20, phase_us=k * 20_011) for k in range(10)], "latest", capacity=40)
    in_time = sum(us <= 125_000 for us in site.looked_us.values())  # the network alone takes 50 ms
    assert in_time >= 0.85 * 40 * 20
    assert max(site.looked_us.values()) <= 300_000
    assert log.longest <= 30


@pytest.mark.parametrize("goes_on", [True, False], ids=["the log goes on", "no more comes"])
def test_no_frame_makes_way_where_there_are_more_lanes_than_a_decoder_has_threads(
    work: Work, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    """Eight lanes come free at once, after 600 ms. Six frames have waited for them for long, two have just come."""
    monkeypatch.setattr(sys.modules[__name__], "LANES", 8)
    begin = [camera(f"begin-{k}", 1, 1) for k in range(8)]
    old = [camera(f"old-{k}", 1, 1, phase_us=100_000) for k in range(6)]
    new = [camera(f"new-{k}", 1, 1, phase_us=590_000) for k in range(2)]
    last = [camera("last", 1, 1, phase_us=900_000)] if goes_on else []
    site, _ = work([*begin, *old, *new, *last], "latest", capacity=8 / 0.6)
    assert Counter(event.outcome for event in site.events) == {"detected": 16 + goes_on}


def test_no_frame_is_looked_at_much_later_than_its_age_allows(work: Work) -> None:
    site, _ = work([camera(f"cam-{k}", 5, 20, phase_us=k * 20_011) for k in range(10)], "max_age_ms=300", capacity=40)
    assert max(site.looked_us.values()) <= 300_000 + 4 * 50_000, "those that are decoded ahead, and its own turn"
    assert reasons(site) == {"too-old"}
    assert len(site.looked_us) >= 0.95 * 40 * 20


@pytest.mark.parametrize(("policy", "why"), [("all", set()), ("every_n=2", {"every-n"}), ("fps=50", {"over-fps"})])
def test_who_skips_nothing_for_being_late_tells_how_far_it_is_behind(
    work: Work, monkeypatch: pytest.MonkeyPatch, policy: str, why: set[str]
) -> None:
    told: list[float] = []
    behind = Intake._behind

    def noted(self: Intake, records: list[FrameRecord]) -> None:
        behind(self, records)
        told.append(self.behind_s)

    monkeypatch.setattr(Intake, "_behind", noted)
    site, _ = work([camera("cam", 50 if policy == "all" else 100, 10)], policy, capacity=25)
    assert reasons(site) == why
    assert 7 <= max(told) <= 11
    assert told[-1] == 0.0


def test_a_stream_that_skips_nothing_may_stand_beside_one_that_does(work: Work) -> None:
    site, _ = work([camera("film", 20, 10), camera("live", 50, 10)], "live=latest", capacity=40)
    assert share(site, "film") == 1.0
    assert share(site, "live") > 0.2
    assert max(us for key, us in site.looked_us.items() if key.startswith("live")) <= 500_000


def test_a_camera_of_a_thousand_frames_a_second_is_bounded(work: Work) -> None:
    site, log = work([camera("mad", 1000, 3), camera("calm", 5, 3)], "latest", capacity=20)
    assert share(site, "calm") >= 0.9
    assert log.longest < 3 * 256


@pytest.mark.parametrize("skew_us", [7_200_000_000, -7_200_000_000])
def test_a_clock_that_is_hours_off_breaks_only_its_own_stream(work: Work, skew_us: int) -> None:
    off = camera("off", 5, 5, skew_us=skew_us)
    site, _ = work([off, camera("good", 5, 5)], "max_age_ms=500", capacity=40)
    assert share(site, "good") == 1.0
    assert share(site, "off") == (1.0 if skew_us > 0 else 0.0)


def test_what_waits_of_a_partition_that_goes_to_another_worker_is_looked_at(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[bool] = []
    polls = Log.poll

    def revoked_in_the_middle(self: Log, max_frames: int, timeout_s: float) -> list[FrameRecord]:
        intake = self.site.intake
        assert intake is not None
        if self.given > 60 and not left and intake._waiting.holds({P}):
            intake.hand_over(frozenset({P}), Deadline.after(60))
            left.append(intake._waiting.holds({P}))
        return polls(self, max_frames, timeout_s)

    monkeypatch.setattr(Log, "poll", revoked_in_the_middle)
    work([camera(f"cam-{k}", 5, 5, phase_us=k * 20_011) for k in range(10)], "max_age_ms=300", capacity=20)
    assert left == [False]


def test_what_waits_of_a_partition_that_comes_back_is_forgotten_as_it_is_read_anew(work: Work) -> None:
    """Its frames of the old tenure must not be looked at beside those of the new one."""
    site, _ = work([camera("cam", 5, 1)], "latest", capacity=40)
    intake = site.intake
    assert intake is not None
    intake._waiting.put(DecodeJob(record=record_of(99), polled_us=1))
    intake.begin({P: Tenure(number=2, offset=0)})
    assert intake._waiting.is_empty


def test_what_waits_of_a_partition_that_goes_is_not_looked_at_when_the_time_is_up(work: Work) -> None:
    """It is the next worker's, and our lanes are for what stays."""
    site, _ = work([camera("cam", 5, 1)], "latest", capacity=40)
    intake = site.intake
    assert intake is not None
    intake._waiting.put(DecodeJob(record=record_of(99), polled_us=1))
    intake.hand_over(frozenset({P}), Deadline.after(0))
    assert intake._waiting.is_empty


def test_what_waits_when_the_worker_is_asked_to_end_is_looked_at(work: Work) -> None:
    site, _ = work([camera(f"cam-{k}", 1, 1) for k in range(20)], "latest", capacity=10)
    assert reasons(site) == set()
    assert len(site.looked_us) == 20
