"""Track ids of a worker that dies: its successor reads the last events and gives the ids that it would have given."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from framehop.errors import LogUnavailableError
from framehop.pipeline.worker import track_state, tracks
from framehop.pipeline.worker.commit_rule import Batch
from framehop.pipeline.worker.track_state import TenureTracks
from framehop.pipeline.worker.tracks import Tracks
from framehop.protocols import CommitResult, Tenure
from framehop.tracked import TrackedStreams, parse_tracks
from framehop.tracking import IDS_PER_FRAME, StreamTracker
from framehop.types import Event, EventRecord, Partition, parse_rfc3339, rfc3339
from tests.scenes import Actor, event, ids, play, thing

P = Partition("frames", 0)
ALL = TrackedStreams({"*": "byte"})
BOX = (10.0, 10.0, 50.0, 90.0)


@dataclass(slots=True)
class Log:
    """The events of a log and what its group has committed. `unique`: an id comes once, as in a directory."""

    unique: bool = True
    events: list[EventRecord] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    offset: int = 0
    metadata: str = ""
    away: bool = False
    reads: int = 0

    def events_end(self, partition: Partition) -> int:
        return len(self.events)

    def events_of(self, partition: Partition, since: int) -> Iterator[EventRecord]:
        if self.away:
            raise LogUnavailableError("nobody answers")
        found = self.events[since:]
        self.reads += len(found)
        return iter(found)

    def write(self, events: Sequence[Event]) -> dict[str, int]:
        offsets = {}
        for found in events:
            if not self.unique or found.event_id not in self.ids:
                self.ids.add(found.event_id)
                offsets[found.event_id] = len(self.events)
                self.events.append(EventRecord(event=found, raw=b"", offset=len(self.events), appended_us=0))
        return offsets

    @property
    def first(self) -> dict[str, Event]:
        """The event of each id that counts."""
        found: dict[str, Event] = {}
        for record in self.events:
            found.setdefault(record.event.event_id, record.event)
        return found


class Worker:
    """Does what a worker does with its tracks in one tenure."""

    def __init__(self, log: Log, number: int, tracked: TrackedStreams = ALL, lane: str = "main") -> None:
        self.log, self.number = log, number
        self.tracks = Tracks(log, lane, tracked)  # type: ignore[arg-type]  # a part of a log is enough
        self.tracks.begin({P: Tenure(number=number, offset=log.offset, metadata=log.metadata)})

    def commit(self, events: Sequence[Event], mark: int | None = None, *, dies: str = "") -> list[Event]:
        """Commit as worker.py does. `dies`: after it has `written` the events, before their offset is kept."""
        batch = Batch(events=list(events), marks={} if mark is None else {P: mark}, tenures={P: self.number})
        followed = self.tracks.follow(batch)
        metadata = self.tracks.metadata({P: f"v1:{mark}"} if mark is not None else {}, batch.tenures)
        offsets = self.log.write(followed)
        if dies:
            return followed
        if mark is not None:
            self.log.offset, self.log.metadata = mark, metadata[P]
        self.tracks.committed(batch, CommitResult(offsets=offsets))
        return followed


def scene(frames: int = 150, *, fps: float = 25.0, stream: str = "cam") -> list[Event]:
    actors = [
        Actor(at=(50.0 + 90 * k, 100.0 + 20 * k), speed=(2.0 - k, 0.5), frames=range(9 * k, 400)) for k in range(5)
    ]
    played = play(actors, frames, fps=fps, noise=2.0, missed=0.15, false=0.2, seed=11).events
    return [replace(found, stream=stream, event_id=f"{stream}/1/{found.seq}/main") for found in played]


def side_by_side(*streams: Sequence[Event]) -> list[Event]:
    """The events of several streams as their frames lie in one partition."""
    turns = [found for pair in zip(*streams, strict=True) for found in pair]
    return [replace(found, frame=replace(found.frame, offset=k)) for k, found in enumerate(turns)]


def uninterrupted(events: Sequence[Event]) -> dict[str, Event]:
    trackers: dict[tuple[str, int], StreamTracker] = {}
    return {
        found.event_id: trackers.setdefault((found.stream, found.epoch), StreamTracker()).follow(found)
        for found in events
    }


@pytest.mark.parametrize("unique", [True, False], ids=["a directory", "Kafka"])
@pytest.mark.parametrize("seed", range(3))
def test_ids_over_many_deaths_are_those_of_an_uninterrupted_run(unique: bool, seed: int) -> None:
    """It dies after a commit, and in Kafka between the events and their offset too. The streams have different rates of looks."""
    chance = random.Random(seed)
    slow = [
        found if k % 5 == 0 else replace(found, outcome="skipped", objects=[])
        for k, found in enumerate(scene(stream="slow"))
    ]
    events = side_by_side(scene(), slow, scene(fps=4, stream="rare"))
    log, number, at = Log(unique=unique), 1, 0
    worker = Worker(log, number)
    while at < len(events):
        size = chance.randint(1, 40)
        batch = events[at : at + size]
        dies = chance.random() < 0.25
        worker.commit(batch, batch[-1].frame.offset + 1, dies="written" if dies and not unique else "")
        if not dies or unique:
            at += len(batch)
        if dies:
            worker = Worker(log, number := number + 1)
    assert number > 3, "it did not die often enough"
    assert log.first == uninterrupted(events)


def test_events_that_left_ahead_of_another_stream_are_done_again_with_their_ids() -> None:
    """The mark waits for frames of a slow stream, behind which another is ahead for longer than a track is remembered."""
    slow = {20, 100, 180}
    quick = iter(scene(400, stream="quick"))
    still = iter(scene(3, stream="slow"))
    found = [next(still if offset in slow else quick) for offset in range(300)]
    events = [replace(each, frame=replace(each.frame, offset=offset)) for offset, each in enumerate(found)]
    log = Log(unique=False)
    worker = Worker(log, 1)
    worker.commit(events[:20], 20)
    worker.commit([each for each in events[20:] if each.stream == "quick"])
    worker.commit([events[20]], 100)
    worker.commit([events[100]], 180)
    worker = Worker(log, 2)
    worker.commit(events[180:240], 240)
    Worker(log, 3).commit(events[240:], 300)
    assert log.first == uninterrupted(events)
    assert all(record.event == log.first[record.event.event_id] for record in log.events), "what came again is the same"


def test_what_was_found_otherwise_the_second_time_counts_as_it_was_the_first_time() -> None:
    """A policy may skip a frame when it is judged again; whoever reads keeps the first event, and so do the tracks."""
    events, log = scene(60), Log(unique=False)
    worker = Worker(log, 1)
    worker.commit(events[:10], 10)
    worker.commit(events[10:40], 40, dies="written")
    again = [
        replace(found, outcome="skipped", reason="too-old", objects=[], writer="second") for found in events[10:40]
    ]
    redone = Worker(log, 2).commit(again, 40)
    assert [replace(found, writer="test") for found in redone] == [log.first[found.event_id] for found in events[10:40]]
    assert {found.writer for found in redone} == {"second"}
    Worker(log, 3).commit(events[40:], 60)
    assert log.first == uninterrupted(events)


def test_only_the_last_events_are_read_again() -> None:
    log = Log()
    worker = Worker(log, 1)
    events = side_by_side(scene(300), scene(300, stream="other"))
    for at in range(0, 600, 50):
        worker.commit(events[at : at + 50], at + 50)
    Worker(log, 2).commit([event(300, [thing(BOX)], offset=600)], 601)
    assert log.reads < 2 * 5 * 25 + 50, "the frames of five seconds, and one commit"


def at_second(monkeypatch: pytest.MonkeyPatch, second: float) -> None:
    """Set the worker's monotonic clock."""
    monkeypatch.setattr(track_state, "time", SimpleNamespace(monotonic=lambda: second))


def test_a_stream_that_has_ended_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    film, camera = scene(10, stream="film"), scene(230)
    log = Log()
    worker = Worker(log, 1)
    at_second(monkeypatch, 1000.0)
    worker.commit([replace(found, frame=replace(found.frame, offset=found.seq)) for found in film], 10)
    for found in camera:
        at_second(monkeypatch, 1000.0 + found.seq / 3)
        worker.commit([replace(found, frame=replace(found.frame, offset=10 + found.seq))], 11 + found.seq)
        assert found.seq >= 180 or int(log.metadata.rpartition(";e")[2]) == 0
    assert int(log.metadata.rpartition(";e")[2]) > 100


def test_a_host_whose_clock_is_two_hours_ahead_makes_no_stream_silent() -> None:
    """Else a successor would read the last seconds of its quick camera alone, and not know the slow one."""
    quick, slow = iter(scene(300, fps=1, stream="quick")), iter(scene(12, fps=1, stream="slow"))
    found = [next(slow) if offset % 25 == 0 else two_hours_later(next(quick)) for offset in range(300)]
    events = [replace(each, frame=replace(each.frame, offset=offset)) for offset, each in enumerate(found)]
    log = Log()
    worker = Worker(log, 1)
    for at in range(0, 250, 10):
        worker.commit(events[at : at + 10], at + 10)
    Worker(log, 2).commit(events[250:], 300)
    assert log.first == uninterrupted(events)


def two_hours_later(found: Event) -> Event:
    captured, received = (
        rfc3339(parse_rfc3339(text) + 7_200_000_000) for text in (found.captured_at, found.received_at)
    )
    return replace(found, captured_at=captured, received_at=received)


@pytest.mark.parametrize(
    "wrong", [{"received_at": "yesterday", "clock": "camera"}, {"last_track_id": 1 << 64}, {"last_track_id": -1}]
)
def test_an_event_that_another_has_written_wrongly_is_passed_over(wrong: dict[str, object]) -> None:
    events, log = scene(60), Log(unique=False)
    worker = Worker(log, 1)
    worker.commit(events[:20], 20)
    forged = replace(events[19], seq=7_000, event_id="cam/1/7000/main", last_track_id=3)
    log.write([replace(forged, **wrong)])  # type: ignore[arg-type]
    worker.commit(events[20:40], 40)
    Worker(log, 2).commit(events[40:], 60)
    assert {key: found for key, found in log.first.items() if found.seq < 7_000} == uninterrupted(events)


def test_a_partition_knows_so_many_streams_at_a_time_and_gives_no_id_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it reads the log, too, where anybody may have written events of any number of streams."""
    monkeypatch.setattr(track_state, "MOST_STREAMS", 2)
    log = Log()
    worker = Worker(log, 1)
    for turn in range(4):  # of whom the third one always comes back after it was forgotten
        found = [event(turn, [thing(BOX)], offset=3 * turn + k) for k in range(3)]
        batch = [replace(each, stream=f"cam-{k}", event_id=f"cam-{k}/1/{turn}/main") for k, each in enumerate(found)]
        followed = worker.commit(batch)
        assert [ids(each) for each in followed] == [[turn * IDS_PER_FRAME + 1]] * 3
        known: TenureTracks | None = worker.tracks._tenures[P].tracks
        assert known is not None
        assert len(known._streams) == 2
        worker.commit([], 3 * turn + 3)
        worker = Worker(log, turn + 2)


def test_a_replay_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "REPLAY", 20)
    log, events = Log(), scene(100)
    Worker(log, 1).commit(events[:90], 90)
    followed = Worker(log, 2).commit(events[90:], 100)
    assert log.reads == 20
    before = log.events[89].event.last_track_id
    new = {number for each in followed for number in ids(each) if number is not None and number > (before or 0)}
    assert (followed[-1].last_track_id or 0) == max(new, default=before)


def test_where_ids_of_before_are_not_known_larger_ones_are_given() -> None:
    log = Log()
    Worker(log, 1).commit(scene(10), 10)
    log.events.clear()  # retention
    (followed,) = Worker(log, 2).commit([event(10, [thing(BOX)])], 11)
    assert ids(followed) == [10 * IDS_PER_FRAME + 1]


def test_a_stream_that_is_tracked_for_the_first_time_counts_from_one() -> None:
    """`detect --track byte` on a camera that has been running for days."""
    log = Log(offset=5000, metadata="v1:5000")
    (followed,) = Worker(log, 1).commit([event(5000, [thing(BOX)])], 5001)
    assert ids(followed) == [1]
    assert log.metadata == "v1:5001;e0"


def test_a_new_epoch_counts_anew_and_the_old_one_is_forgotten() -> None:
    log = Log()
    worker = Worker(log, 1)
    worker.commit(scene(100), 100)
    later = [
        replace(found, epoch=2, event_id=f"cam/2/{found.seq}/main", frame=replace(found.frame, offset=100 + found.seq))
        for found in scene(50)
    ]
    worker.commit(later, 150)
    worker.commit([], 150)
    assert int(log.metadata.rpartition(";e")[2]) >= 100
    assert log.first == uninterrupted([*scene(100), *later])


def test_lanes_do_not_know_each_other() -> None:
    log = Log()
    events = scene(60)
    other = [replace(found, lane="other", event_id=f"cam/1/{found.seq}/other", objects=[]) for found in events]
    worker, kept = Worker(log, 1), (0, "")
    beside = Worker(log, 1, lane="other")
    for at in range(0, 40, 10):
        beside.commit(other[at : at + 10], at + 10)
        log.offset, log.metadata = kept
        worker.commit(events[at : at + 10], at + 10)
        kept = log.offset, log.metadata
    log.offset, log.metadata = kept
    Worker(log, 2).commit(events[40:], 60)
    found = {event_id: each for event_id, each in log.first.items() if each.lane == "main"}
    assert found == uninterrupted(events)


def test_untracked_streams_stay_as_they_are_and_keep_what_was_kept() -> None:
    log = Log(metadata="v1:0;e17")
    events = scene(10)
    assert Worker(log, 1, TrackedStreams({})).commit(events, 10) == events
    assert log.metadata == "v1:10;e17"
    some = TrackedStreams(parse_tracks(["gate=byte"]))
    assert Worker(log, 2, some).commit(scene(20)[10:], 20) == scene(20)[10:]
    assert log.metadata == "v1:20;e17"
    log = Log()
    Worker(log, 1, some).commit(events, 10)
    assert log.metadata == "v1:10"


def test_what_a_later_version_keeps_behind_it_is_passed_over() -> None:
    log, events = Log(), scene(60)
    Worker(log, 1).commit(events[:40], 40)
    log.metadata += ";x5"
    Worker(log, 2).commit(events[40:], 60)
    assert log.first == uninterrupted(events)


def test_tracking_that_is_switched_off_and_on_gives_no_id_twice() -> None:
    log, events = Log(), scene(90)
    Worker(log, 1).commit(events[:30], 30)
    Worker(log, 2, TrackedStreams({})).commit(events[30:60], 60)
    Worker(log, 3).commit(events[60:], 90)
    before = {number for record in log.events[:30] for number in ids(record.event)}
    largest = log.events[29].event.last_track_id or 0
    after = [number for record in log.events[60:] for number in ids(record.event) if number is not None]
    assert all(number in before or number > largest for number in after)
    assert [record.event for record in log.events[30:60]] == events[30:60]


def test_a_log_that_is_away_is_asked_again() -> None:
    log, events = Log(), scene(60)
    Worker(log, 1).commit(events[:40], 40)
    worker = Worker(log, 2)
    log.away = True
    with pytest.raises(LogUnavailableError):
        worker.commit(events[40:], 60)
    log.away = False
    worker.commit(events[40:], 60)
    assert log.first == uninterrupted(events)


def test_events_of_a_tenure_that_has_ended_get_no_ids_and_change_nothing() -> None:
    log, events = Log(), scene(60)
    worker = Worker(log, 1)
    worker.commit(events[:40], 40)
    worker.tracks.begin({P: Tenure(number=2, offset=40, metadata=log.metadata)})
    late = Batch(events=events[40:50], marks={P: 50}, tenures={P: 1})
    assert worker.tracks.follow(late) == events[40:50]
    assert worker.tracks.metadata({P: "v1:50"}, late.tenures) == {P: "v1:50"}
    worker.tracks.committed(late, CommitResult(lost=frozenset({P})))
    worker.number = 2
    worker.commit(events[40:], 60)
    assert log.first == uninterrupted(events)


def test_a_place_that_the_broker_did_not_tell_is_taken_for_an_earlier_one() -> None:
    log, events = Log(), scene(60)
    worker = Worker(log, 1)
    batch = Batch(events=events[:40], marks={P: 40}, tenures={P: 1})
    log.write(worker.tracks.follow(batch))
    worker.tracks.committed(batch, CommitResult())
    log.offset, log.metadata = 40, worker.tracks.metadata({P: "v1:40"}, {P: 1})[P]
    Worker(log, 2).commit(events[40:], 60)
    assert log.first == uninterrupted(events)
