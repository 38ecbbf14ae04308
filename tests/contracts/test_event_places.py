"""Tests where events lie: what a commit tells of it, and reading on from there."""

from __future__ import annotations

import pytest

from framehop.protocols import FrameLog
from tests.contracts.conftest import UNIQUE
from tests.logs import make_event, marks_after, read, write


def test_a_commit_tells_where_its_events_lie_and_they_are_read_from_there(log: FrameLog) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 6)
        records = read(consumer, 6)
        partition = records[0].meta.pointer.topic_partition
        before = log.events_end(partition)
        assert list(log.events_of(partition, before)) == []
        offsets: dict[str, int] = {}
        for part in (records[:2], records[2:]):
            told = consumer.commit([make_event(record) for record in part], marks_after(part)).offsets
            assert told.keys() == {record.meta.key.event_id("main") for record in part}
            assert min(told.values()) >= before
            before = log.events_end(partition)
            assert max(told.values()) < before
            offsets |= told
        assert list(offsets.values()) == sorted(set(offsets.values()))
        for k, offset in enumerate(offsets.values()):
            assert [record.event.seq for record in log.events_of(partition, offset)] == list(range(k, 6))
        assert {record.event.event_id: record.offset for record in log.events_of(partition, 0)} == offsets


def test_events_of_another_partition_are_not_among_them(log: FrameLog) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        for name in ("cam-0", "cam-1", "cam-2", "cam-3"):
            write(writer, name, 2)
        records = read(consumer, 8)
        consumer.commit([make_event(record) for record in records], marks_after(records))
        for partition in {record.meta.pointer.topic_partition for record in records}:
            there = [record.meta.key for record in records if record.meta.pointer.topic_partition == partition]
            assert [record.event.key for record in log.events_of(partition, 0)] == there


@pytest.mark.parametrize("store", UNIQUE)
def test_an_event_that_the_log_has_already_has_no_new_place(log: FrameLog) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 2)
        records = read(consumer, 2)
        consumer.commit([make_event(records[0])], {})
        told = consumer.commit([make_event(record) for record in records], marks_after(records))
        assert told.duplicates == 1
        assert told.offsets.keys() == {records[1].meta.key.event_id("main")}
