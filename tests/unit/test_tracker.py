from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from framehop.pipeline.tracker import Tracker
from framehop.types import Event, FramePointer


def event(partition: int, offset: int, stream: str = "cam") -> Event:
    return Event(
        event_id=f"{stream}/{partition}/{offset}/main",
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
        frame=FramePointer(topic="frames", partition=partition, offset=offset),
        writer="test",
    )


def test_nothing_moves_over_a_hole() -> None:
    tracker = Tracker()
    for offset in (5, 6, 9):
        tracker.add(0, offset)
    tracker.complete(event(0, 9))
    tracker.complete(event(0, 6))
    assert tracker.take().marks == {}
    tracker.complete(event(0, 5))
    batch = tracker.take()
    assert [e.frame.offset for e in batch.events] == [5, 6, 9]
    assert batch.marks == {0: 10}
    assert tracker.in_flight == 0


def test_ahead_no_stream_waits_for_another_and_the_mark_waits_for_all() -> None:
    tracker = Tracker(ahead=True)
    for offset, stream in enumerate(("slow", "quick", "slow", "quick")):
        tracker.add(0, offset, stream)
    for offset, stream in ((1, "quick"), (2, "slow"), (3, "quick")):
        tracker.complete(event(0, offset, stream))
    batch = tracker.take()
    assert [e.frame.offset for e in batch.events] == [1, 3]
    assert batch.marks == {}
    assert tracker.in_flight == 4
    assert tracker.take().events == []
    tracker.complete(event(0, 0, "slow"))
    batch = tracker.take()
    assert [e.frame.offset for e in batch.events] == [0, 2]
    assert batch.marks == {0: 4}
    assert tracker.in_flight == 0


def test_partitions_do_not_wait_for_each_other() -> None:
    tracker = Tracker()
    tracker.add(0, 0)
    tracker.add(1, 0)
    tracker.complete(event(1, 0))
    assert tracker.take().marks == {1: 1}
    assert tracker.in_flight_of([0]) == 1


def test_a_dropped_partition_takes_no_more_events() -> None:
    tracker = Tracker()
    tracker.add(3, 7)
    assert tracker.drop([3]) == 1
    assert not tracker.complete(event(3, 7))
    assert tracker.in_flight == 0


def test_an_event_counts_once() -> None:
    tracker = Tracker()
    tracker.add(0, 0)
    assert tracker.complete(event(0, 0))
    assert not tracker.complete(event(0, 0))


def test_offsets_must_rise() -> None:
    tracker = Tracker()
    tracker.add(0, 4)
    with pytest.raises(ValueError, match="comes after 4"):
        tracker.add(0, 4)


class TrackerMachine(RuleBasedStateMachine):
    """Any order of completion: what is taken is each partition's sequence, without a hole, exactly once."""

    pending = Bundle("pending")

    def __init__(self) -> None:
        super().__init__()
        self.tracker = Tracker()
        self.next = {0: 0, 1: 0}
        self.taken: dict[int, list[int]] = {0: [], 1: []}
        self.added: dict[int, list[int]] = {0: [], 1: []}
        self.done: set[tuple[int, int]] = set()

    @rule(target=pending, partition=st.sampled_from([0, 1]), steps=st.lists(st.integers(1, 3), min_size=1, max_size=4))
    def add(self, partition: int, steps: list[int]) -> object:
        frames = []
        for step in steps:
            self.next[partition] += step
            offset = self.next[partition]
            self.tracker.add(partition, offset)
            self.added[partition].append(offset)
            frames.append((partition, offset))
        return multiple(*frames)

    @rule(frame=consumes(pending))
    def complete(self, frame: tuple[int, int]) -> None:
        assert self.tracker.complete(event(*frame))
        self.done.add(frame)

    @rule()
    def take(self) -> None:
        batch = self.tracker.take()
        for found in batch.events:
            self.taken[found.frame.partition].append(found.frame.offset)
        for partition, mark in batch.marks.items():
            assert self.taken[partition][-1] == mark - 1

    @invariant()
    def taken_is_the_completed_prefix_or_less(self) -> None:
        for partition in (0, 1):
            taken = self.taken[partition]
            assert taken == self.added[partition][: len(taken)]
            assert all((partition, offset) in self.done for offset in taken)
        assert self.tracker.in_flight == sum(len(self.added[p]) - len(self.taken[p]) for p in (0, 1))


TestTrackerMachine = TrackerMachine.TestCase
