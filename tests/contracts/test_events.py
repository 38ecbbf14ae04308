"""EventReader, and the log as a whole."""

from __future__ import annotations

import threading

import msgspec
import pytest

from framehop.errors import ClosedError
from framehop.protocols import FrameLog
from framehop.types import FramePointer
from tests.logs import TIMEOUT_S, make_event, marks_after, read, write


def _fill(log: FrameLog, stream: str, count: int) -> None:
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, stream, count)
        records = read(consumer, count)
        consumer.commit([make_event(record) for record in records], marks_after(records))


def test_events_come_once_in_the_order_of_their_commits(log: FrameLog) -> None:
    _fill(log, "a", 600)
    with log.events() as reader:
        assert [record.event.seq for record in reader] == list(range(600))
        assert list(reader) == []
        _fill(log, "b", 2)
        assert [record.event.stream for record in reader.poll(10, TIMEOUT_S)] == ["b", "b"]
    offsets = [record.offset for record in log.events()]
    assert offsets == sorted(set(offsets))


def test_latest_sees_only_what_comes(log: FrameLog) -> None:
    _fill(log, "a", 3)
    with log.events(start="latest") as reader:
        assert reader.poll(10, 0.0) == []
        _fill(log, "b", 1)
        assert [record.event.stream for record in reader.poll(10, TIMEOUT_S)] == ["b"]


def test_a_poll_gives_no_more_than_asked(log: FrameLog) -> None:
    _fill(log, "a", 5)
    with log.events() as reader:
        assert [len(reader.poll(2, 0.0)) for _ in range(4)] == [2, 2, 1, 0]


def test_a_commit_wakes_a_waiting_reader(log: FrameLog) -> None:
    with log.events() as reader:
        late = threading.Timer(0.05, lambda: _fill(log, "a", 1))
        late.start()
        assert len(reader.poll(1, TIMEOUT_S)) == 1
        late.join()


def test_the_raw_event_is_its_json(log: FrameLog) -> None:
    _fill(log, "a", 1)
    (record,) = log.events()
    parsed = msgspec.json.decode(record.raw)
    assert parsed["event_id"] == record.event.event_id
    assert parsed["schema_version"] == 1
    assert record.appended_us > 0


def test_what_is_not_there_is_none(log: FrameLog) -> None:
    assert log.read_frame(FramePointer(topic="frames", partition=0, offset=7)) is None
    assert log.gaps() == []
    assert list(log.scan_frames()) == []


def test_closing_the_log_closes_what_it_made(log: FrameLog) -> None:
    writer, consumer, reader = log.writer(), log.consumer("g", member="m"), log.events()
    log.close()
    log.close()
    with pytest.raises(ClosedError):
        writer.flush(0.0)
    with pytest.raises(ClosedError):
        consumer.poll(1, 0.0)
    with pytest.raises(ClosedError):
        reader.poll(1, 0.0)
    with pytest.raises(ClosedError, match=r"log .* is closed"):
        log.gaps()
