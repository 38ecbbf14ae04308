"""FrameLog.dead_letters, and putting them into the queue once more."""

from __future__ import annotations

from dataclasses import replace

from framehop.ops.requeue import requeue
from framehop.protocols import FrameLog
from framehop.types import DeadLetter, Event, FrameRecord
from tests.logs import make_event, marks_after, payload_of, read, write


def _failed(record: FrameRecord, **changed: object) -> Event:
    return replace(make_event(record), outcome="failed", reason="corrupt_picture", **changed)  # type: ignore[arg-type]


def _fill(log: FrameLog) -> list[FrameRecord]:
    """Four frames, of which 1 and 2 fail."""
    with log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 4)
        records = read(consumer, 4)
        events = [_failed(r, attempts=3) if r.meta.key.seq in {1, 2} else make_event(r) for r in records]
        consumer.commit(events, marks_after(records))
    return records


def test_a_dead_letter_says_what_failed_and_where_it_lies(log: FrameLog) -> None:
    assert list(log.dead_letters()) == []
    records = _fill(log)
    assert list(log.dead_letters()) == [
        DeadLetter(
            id=record.meta.key.event_id("main"),
            reason="corrupt_picture",
            attempts=3,
            record=record.meta.pointer,
            event=_failed(record, attempts=3),
        )
        for record in records[1:3]
    ]


def test_letters_are_of_a_lane_or_of_all(log: FrameLog) -> None:
    records = _fill(log)
    shadow = _failed(records[0], lane="shadow", event_id=records[0].meta.key.event_id("shadow"))
    with log.consumer("shadow", member="m") as consumer:
        read(consumer, 4)
        consumer.commit([shadow], {})
    assert [letter.id for letter in log.dead_letters("shadow")] == [shadow.event_id]
    assert len(list(log.dead_letters("main"))) == 2
    assert len(list(log.dead_letters())) == 3


def test_a_letter_that_came_twice_is_one(log: FrameLog) -> None:
    records = _fill(log)
    with log.consumer("again", member="m") as consumer:
        read(consumer, 4)
        consumer.commit([_failed(record, attempts=4) for record in records[1:3]], {})
    assert [letter.attempts for letter in log.dead_letters()] == [3, 3]


def test_what_is_requeued_is_a_new_frame_with_the_old_picture(log: FrameLog) -> None:
    records = _fill(log)
    letters = list(log.dead_letters())
    summary = requeue(log, letters)
    assert summary.errors == {}
    fresh = [meta for meta in log.scan_frames() if meta.key.epoch != records[0].meta.key.epoch]
    assert list(summary.requeued.values()) == [str(meta.key) for meta in fresh]
    assert [meta.key.seq for meta in fresh] == [0, 1]
    for meta, original in zip(fresh, records[1:3], strict=True):
        found = log.read_frame(meta.pointer)
        assert found is not None
        assert found.payload is not None
        assert bytes(found.payload) == payload_of(original.meta.key)
        assert (meta.key.stream, meta.captured_us) == ("a", original.meta.captured_us)
    assert list(log.dead_letters()) == letters, "an id that failed stays failed"


def test_a_stream_that_is_being_written_is_refused_and_the_others_go_on(log: FrameLog) -> None:
    _fill(log)
    with log.consumer("g", member="m2") as consumer, log.writer() as busy:
        with log.writer() as writer:
            write(writer, "b", 1)
        (record,) = read(consumer, 1)
        consumer.commit([_failed(record)], marks_after([record]))
        busy.open_stream("a", source="test:", finite=False)
        summary = requeue(log, log.dead_letters())
    assert list(summary.requeued) == [record.meta.key.event_id("main")]
    assert len(summary.errors) == 2
    assert all("being written" in error for error in summary.errors.values())
