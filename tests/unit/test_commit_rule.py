from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from framehop.pipeline.worker.commit_rule import CommitTracker
from framehop.types import Event, FramePointer, Partition

A, B = Partition("frames", 0), Partition("frames", 1)


def event(partition: Partition, offset: int, stream: str = "cam") -> Event:
    return Event(
        event_id=f"{stream}/{partition.number}/{offset}/main",
        lane="main",
        outcome="detected",
        stream=stream,
        epoch=1,
        seq=offset,
        captured_at="",
        received_at="",
        clock="ingest",
        width=1,
        height=1,
        frame=FramePointer(topic=partition.topic, partition=partition.number, offset=offset),
        writer="test",
    )


def test_partitions_have_their_turn_when_more_is_done_than_one_batch_takes() -> None:
    tracker = CommitTracker()
    for partition in (A, B):
        for offset in range(4):
            tracker.add(partition, offset)
            tracker.complete(event(partition, offset))
    turns = [{e.frame.topic_partition for e in tracker.take(limit=2).events} for _ in range(4)]
    assert turns == [{A}, {B}, {A}, {B}]
    assert tracker.take().tenures == {A: 0, B: 0}


def test_nothing_moves_over_a_hole() -> None:
    tracker = CommitTracker()
    for offset in (5, 6, 9):
        tracker.add(A, offset)
    tracker.complete(event(A, 9))
    tracker.complete(event(A, 6))
    assert tracker.take().marks == {}
    tracker.complete(event(A, 5))
    batch = tracker.take()
    assert [e.frame.offset for e in batch.events] == [5, 6, 9]
    assert batch.marks == {A: 10}
    assert tracker.in_flight == 0


def test_ahead_no_stream_waits_for_another_and_the_mark_waits_for_all() -> None:
    tracker = CommitTracker(ahead=True)
    for offset, stream in enumerate(("slow", "quick", "slow", "quick")):
        tracker.add(A, offset, stream)
    for offset, stream in ((1, "quick"), (2, "slow"), (3, "quick")):
        tracker.complete(event(A, offset, stream))
    batch = tracker.take()
    assert [e.frame.offset for e in batch.events] == [1, 3]
    assert batch.marks == {}
    assert tracker.in_flight == 4
    assert tracker.take().events == []
    tracker.complete(event(A, 0, "slow"))
    batch = tracker.take()
    assert [e.frame.offset for e in batch.events] == [0, 2]
    assert batch.marks == {A: 4}
    assert tracker.in_flight == 0


def test_partitions_do_not_wait_for_each_other() -> None:
    tracker = CommitTracker()
    tracker.add(A, 0)
    tracker.add(B, 0)
    tracker.complete(event(B, 0))
    assert tracker.take().marks == {B: 1}
    assert tracker.in_flight_of([A]) == 1


def test_a_dropped_partition_takes_no_more_events() -> None:
    tracker = CommitTracker()
    tracker.add(B, 7)
    assert tracker.drop([B]) == 1
    assert not tracker.complete(event(B, 7))
    assert tracker.in_flight == 0


def test_an_event_counts_once() -> None:
    tracker = CommitTracker()
    tracker.add(A, 0)
    assert tracker.complete(event(A, 0))
    assert not tracker.complete(event(A, 0))


def test_a_new_tenure_forgets_what_is_in_flight_of_the_one_before() -> None:
    tracker = CommitTracker()
    tracker.add(A, 4, tenure=1)
    tracker.add(A, 5, tenure=1)
    tracker.begin(A, 2)
    assert tracker.in_flight == 0
    tracker.add(A, 6, tenure=1)  # polled before the partition went
    assert tracker.in_flight == 0
    tracker.add(A, 4, tenure=2)
    assert not tracker.complete(event(A, 4), tenure=1)
    assert tracker.take().events == []
    assert tracker.complete(event(A, 4), tenure=2)
    assert tracker.take().tenures == {A: 2}


def test_a_record_of_a_newer_tenure_begins_it() -> None:
    tracker = CommitTracker()
    tracker.add(A, 4, tenure=1)
    tracker.add(A, 2, tenure=3)
    assert tracker.in_flight == 1


def test_the_end_of_a_tenure_leaves_the_next_one_alone() -> None:
    tracker = CommitTracker()
    tracker.add(A, 4, tenure=2)
    tracker.end({A: 1})
    assert tracker.in_flight == 1
    tracker.end({A: 2})
    assert tracker.in_flight == 0


def test_offsets_must_rise() -> None:
    tracker = CommitTracker()
    tracker.add(A, 4)
    with pytest.raises(ValueError, match="comes after 4"):
        tracker.add(A, 4)


class TrackerMachine(RuleBasedStateMachine):
    """Any order of completion: what is taken is each partition's sequence, without a hole, exactly once."""

    pending = Bundle("pending")

    def __init__(self) -> None:
        super().__init__()
        self.tracker = CommitTracker()
        self.next = {A: 0, B: 0}
        self.taken: dict[Partition, list[int]] = {A: [], B: []}
        self.added: dict[Partition, list[int]] = {A: [], B: []}
        self.done: set[tuple[Partition, int]] = set()

    @rule(target=pending, partition=st.sampled_from([A, B]), steps=st.lists(st.integers(1, 3), min_size=1, max_size=4))
    def add(self, partition: Partition, steps: list[int]) -> object:
        frames = []
        for step in steps:
            self.next[partition] += step
            offset = self.next[partition]
            self.tracker.add(partition, offset)
            self.added[partition].append(offset)
            frames.append((partition, offset))
        return multiple(*frames)

    @rule(frame=consumes(pending))
    def complete(self, frame: tuple[Partition, int]) -> None:
        assert self.tracker.complete(event(*frame))
        self.done.add(frame)

    @rule()
    def take(self) -> None:
        batch = self.tracker.take()
        for found in batch.events:
            self.taken[found.frame.topic_partition].append(found.frame.offset)
        for partition, mark in batch.marks.items():
            assert self.taken[partition][-1] == mark - 1

    @invariant()
    def taken_is_the_completed_prefix_or_less(self) -> None:
        for partition in (A, B):
            taken = self.taken[partition]
            assert taken == self.added[partition][: len(taken)]
            assert all((partition, offset) in self.done for offset in taken)
        assert self.tracker.in_flight == sum(len(self.added[p]) - len(self.taken[p]) for p in (A, B))


TestTrackerMachine = TrackerMachine.TestCase
