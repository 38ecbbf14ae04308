"""Tests of the hand-off from a consumer's thread to the worker: in turns, bounded, notices first."""

from __future__ import annotations

import threading

import pytest

from framehop.errors import LogError
from framehop.log.kafka.handoff import Handoff, Notice
from framehop.types import FrameRecord, Partition
from tests.frames import record_of
from tests.logs import TIMEOUT_S


def record(partition: int, offset: int, size: int = 10) -> FrameRecord:
    return record_of(offset, stream=f"cam-{partition}", topic="t", partition=partition, payload=bytes(size))


def offsets(records: list[FrameRecord]) -> list[tuple[int, int]]:
    return [(found.meta.pointer.partition, found.meta.pointer.offset) for found in records]


def test_partitions_take_turns_and_keep_their_order() -> None:
    handoff = Handoff(1000)
    handoff.put([record(0, offset) for offset in range(5)])
    handoff.put([record(1, 0), record(2, 0)])
    assert offsets(handoff.take(4, 0.0)) == [(0, 0), (1, 0), (2, 0), (0, 1)]
    assert offsets(handoff.take(9, 0.0)) == [(0, 2), (0, 3), (0, 4)]
    assert handoff.take(9, 0.0) == []


def test_what_is_held_is_bounded_by_bytes() -> None:
    handoff = Handoff(30)
    handoff.put([record(0, offset) for offset in range(3)])
    assert not handoff.wait_room(0.0)
    handoff.take(1, 0.0)
    assert handoff.wait_room(0.0)


def test_taking_wakes_who_waits_for_room() -> None:
    handoff = Handoff(10)
    handoff.put([record(0, 0)])
    found: list[bool] = []
    waiter = threading.Thread(target=lambda: found.append(handoff.wait_room(TIMEOUT_S)))
    waiter.start()
    handoff.take(1, 0.0)
    waiter.join(TIMEOUT_S)
    assert found == [True]


def test_a_notice_overtakes_frames_and_takes_those_of_its_partitions() -> None:
    handoff = Handoff(30)
    handoff.put([record(0, 0), record(1, 0), record(0, 1)])
    notice = Notice(revoked=frozenset({Partition("t", 0)}))
    handoff.announce(notice)
    assert handoff.take(9, TIMEOUT_S) == []
    assert handoff.take_notice() is notice
    assert offsets(handoff.take(9, 0.0)) == [(1, 0)]
    assert handoff.wait_room(0.0)


def test_a_failure_is_raised_in_the_workers_thread() -> None:
    handoff = Handoff(30)
    handoff.fail(LogError("of the test"))
    with pytest.raises(LogError, match="of the test"):
        handoff.take(1, TIMEOUT_S)


def test_a_wake_up_ends_a_wait() -> None:
    handoff = Handoff(30)
    handoff.wake()
    assert handoff.take(1, TIMEOUT_S) == []
