"""Tests of what the log in memory alone can do: go wrong on demand. The contract itself is in tests/contracts."""

from __future__ import annotations

import pytest

from framehop.errors import LogFullError
from framehop.ops.audit import audit
from framehop.testing.memory_log import MemoryLog
from tests.logs import TIMEOUT_S, make_event, make_frame, marks_after, read, settle, write


def test_a_full_log_stalls_its_writers_and_refuses_commits() -> None:
    with MemoryLog() as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        state = write(writer, "a", 1)
        records = read(consumer, 1)
        log.faults.fill()
        writer.append(make_frame(state, 1))
        assert not writer.flush(0.02)
        assert "no room" in writer.stalled
        with pytest.raises(LogFullError):
            consumer.commit([make_event(record) for record in records], marks_after(records))
        assert list(log.events()) == []
        log.faults.fill(False)
        assert writer.flush(TIMEOUT_S)
        assert writer.stalled == ""


def test_a_lost_payload_is_none() -> None:
    with MemoryLog() as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 2)
        pointer = next(log.scan_frames()).pointer
        log.faults.lose_payload(pointer)
        first, second = read(consumer, 2)
        assert first.payload is None
        assert second.payload is not None


def test_retention_leaves_gaps_that_the_audit_knows() -> None:
    with MemoryLog() as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 5)
        pointer = next(log.scan_frames()).pointer
        log.faults.drop_before(pointer.partition, 3)
        records = read(consumer, 2)
        assert [record.meta.key.seq for record in records] == [3, 4]
        consumer.commit([make_event(record) for record in records], marks_after(records))
        assert audit(log).ok


def test_an_expired_owner_learns_it_from_its_commit() -> None:
    with MemoryLog() as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 3)
        records = read(consumer, 3)
        partition = records[0].meta.pointer.topic_partition
        log.faults.expire("g", partition.number)
        result = consumer.commit([make_event(record) for record in records], marks_after(records))
        assert result.lost == {partition}
        assert partition not in consumer.assignment
        assert list(log.events()) == []
        settle([consumer], log.partitions)
        assert len(read(consumer, 3)) == 3
