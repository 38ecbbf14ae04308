"""FrameWriter: acknowledgements, order, keys, epochs, bounds."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import pytest

from framehop.errors import ClosedError, InvalidArgumentError, StreamBusyError
from framehop.protocols import Ack, FrameLog
from framehop.timing import now_us
from tests.contracts.conftest import QUEUE_BYTES, UNIQUE
from tests.logs import TIMEOUT_S, home, is_whole, make_frame, read, write


def test_every_frame_is_acknowledged_in_order_with_its_place(log: FrameLog) -> None:
    acks: list[Ack] = []
    with log.writer() as writer:
        state = writer.open_stream("gate-1", source="test:", finite=False)
        for seq in range(50):
            assert writer.append(make_frame(state, seq), acks.append)
        assert writer.flush(TIMEOUT_S)
    assert [ack.pointer.offset for ack in acks] == list(range(50))
    assert {ack.pointer.topic_partition for ack in acks} == {home(log, "gate-1")}
    assert not any(ack.duplicate for ack in acks)
    for seq, ack in enumerate(acks):
        record = log.read_frame(ack.pointer)
        assert record is not None
        assert record.meta.key.seq == seq
        assert is_whole(record)


def test_acknowledgements_come_from_the_writers_own_thread(log: FrameLog) -> None:
    threads: list[int] = []
    with log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        writer.append(make_frame(state, 0), lambda _ack: threads.append(threading.get_ident()))
        assert writer.flush(TIMEOUT_S)
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


def test_a_callback_that_raises_stops_nothing(log: FrameLog, caplog: pytest.LogCaptureFixture) -> None:
    acks: list[Ack] = []

    def broken(_ack: Ack) -> None:
        raise RuntimeError("of the test")

    with caplog.at_level(logging.ERROR), log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        writer.append(make_frame(state, 0), broken)
        writer.append(make_frame(state, 1), acks.append)
        assert writer.flush(TIMEOUT_S)
    assert len(acks) == 1
    assert "of the test" in caplog.text


def test_metadata_of_a_frame_comes_back(log: FrameLog) -> None:
    with log.writer() as writer:
        state = write(writer, "a", 1)
        frame = make_frame(state, 0)
    (meta,) = log.scan_frames()
    assert meta.key == frame.key
    assert (meta.captured_us, meta.received_us) == (frame.captured_us, frame.received_us)
    assert (meta.clock, meta.content_type, meta.keyframe) == (frame.clock, frame.content_type, frame.keyframe)
    assert meta.payload_bytes == len(frame.payload)
    assert meta.appended_us > 0


@pytest.mark.parametrize("payload", [b"the bytes there are", b""])
def test_a_frame_without_pixels_says_why(log: FrameLog, payload: bytes) -> None:
    with log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        broken = replace(make_frame(state, 0), payload=payload, error="unreadable: 东门.jpg: Permission denied")
        assert writer.append(broken)
        assert writer.append(make_frame(state, 1))
        assert writer.flush(TIMEOUT_S)
    bad, good = log.scan_frames()
    assert (bad.error, good.error) == ("unreadable: 东门.jpg: Permission denied", "")
    record = log.read_frame(bad.pointer)
    assert record is not None
    assert record.meta.error == bad.error
    assert (record.payload or b"") == payload
    with log.consumer("g", member="m") as consumer:
        assert [found.meta.error for found in read(consumer, 2)] == [bad.error, ""]


@pytest.mark.parametrize("store", UNIQUE)
def test_a_key_is_stored_once(log: FrameLog) -> None:
    acks: list[Ack] = []
    with log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        for seq in (0, 1, 0, 1, 2):
            writer.append(make_frame(state, seq), acks.append)
        assert writer.flush(TIMEOUT_S)
    assert [(ack.pointer.offset, ack.duplicate) for ack in acks] == [
        (0, False),
        (1, False),
        (0, True),
        (1, True),
        (2, False),
    ]
    assert [meta.key.seq for meta in log.scan_frames()] == [0, 1, 2]


def test_a_full_queue_pushes_back_and_loses_nothing(log: FrameLog) -> None:
    held, acks = threading.Event(), list[Ack]()

    def slow(ack: Ack) -> None:
        held.wait(TIMEOUT_S)
        acks.append(ack)

    with log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        taken = 0
        while writer.append(make_frame(state, taken, size=QUEUE_BYTES // 4), slow, timeout_s=0.05):
            taken += 1
            assert taken <= 4, "the queue takes more than its bound"
        held.set()
        assert writer.append(make_frame(state, taken, size=QUEUE_BYTES // 4), slow, timeout_s=TIMEOUT_S)
        assert writer.flush(TIMEOUT_S)
    assert len(acks) == taken + 1 == len(list(log.scan_frames()))


def _wait(event: threading.Event) -> None:
    assert event.wait(TIMEOUT_S)


def test_flush_says_when_the_time_is_up(log: FrameLog) -> None:
    held = threading.Event()
    with log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        writer.append(make_frame(state, 0), lambda _ack: _wait(held))
        assert not writer.flush(0.01)
        held.set()
        assert writer.flush(TIMEOUT_S)


def test_an_interrupted_finite_source_goes_on_behind_its_last_frame(log: FrameLog) -> None:
    with log.writer() as writer:
        first = writer.open_stream("clip", source="file:clip.mp4", finite=True)
        assert (first.next_seq, first.pass_index) == (0, 0)
        for seq in range(7):
            writer.append(make_frame(first, seq))
    with log.writer() as writer:
        again = writer.open_stream("clip", source="file:clip.mp4", finite=True)
    assert (again.epoch, again.next_seq, again.pass_index) == (first.epoch, 7, 0)


@pytest.mark.parametrize(("source", "finite"), [("file:other.mp4", True), ("file:clip.mp4", False)])
def test_anything_else_starts_an_epoch(log: FrameLog, source: str, finite: bool) -> None:
    with log.writer() as writer:
        first = writer.open_stream("clip", source="file:clip.mp4", finite=True)
        writer.append(make_frame(first, 0))
    with log.writer() as writer:
        second = writer.open_stream("clip", source=source, finite=finite)
    assert second.epoch > first.epoch
    assert (second.next_seq, second.pass_index) == (0, 0)


def test_a_live_source_never_goes_on_in_its_epoch(log: FrameLog) -> None:
    with log.writer() as writer:
        first = write(writer, "cam", 3)
    with log.writer() as writer:
        second = writer.open_stream("cam", source="test:cam", finite=False)
    assert second.epoch > first.epoch
    assert second.next_seq == 0


def test_a_live_source_that_comes_back_begins_another_epoch(log: FrameLog) -> None:
    with log.writer() as writer:
        first = writer.open_stream("cam", source="rtsp://cam/x", finite=False)
        assert writer.append(make_frame(first, 0))
        assert writer.flush(TIMEOUT_S)  # next_pass waits a second at most
        second = writer.next_pass("cam")
        assert (second.epoch > first.epoch, second.next_seq) == (True, 0)
        assert writer.append(make_frame(second, 0))
        assert writer.flush(TIMEOUT_S)
    with log.writer() as writer:
        third = writer.open_stream("cam", source="rtsp://cam/x", finite=False)
        assert (third.epoch > second.epoch, third.next_seq, third.replaced) == (True, 0, False)


def test_a_finished_pass_is_not_resumed(log: FrameLog) -> None:
    with log.writer() as writer:
        first = writer.open_stream("clip", source="file:clip.mp4", finite=True)
        writer.append(make_frame(first, 0))
        writer.finish_pass("clip")
    with log.writer() as writer:
        second = writer.open_stream("clip", source="file:clip.mp4", finite=True)
    assert second.epoch > first.epoch
    assert second.next_seq == 0


def test_the_next_pass_is_resumed_with_its_index(log: FrameLog) -> None:
    with log.writer() as writer:
        first = writer.open_stream("clip", source="file:clip.mp4", finite=True)
        writer.append(make_frame(first, 0))
        second = writer.next_pass("clip")
        assert (second.next_seq, second.pass_index) == (0, 1)
        assert second.epoch > first.epoch
        for seq in range(2):
            writer.append(make_frame(second, seq))
    with log.writer() as writer:
        again = writer.open_stream("clip", source="file:clip.mp4", finite=True)
    assert (again.epoch, again.next_seq, again.pass_index) == (second.epoch, 2, 1)


def test_a_frame_of_another_epoch_is_refused(log: FrameLog) -> None:
    with log.writer() as writer:
        first = writer.open_stream("clip", source="file:clip.mp4", finite=True)
        writer.next_pass("clip")
        with pytest.raises(InvalidArgumentError, match="epoch"):
            writer.append(make_frame(first, 0))


def test_a_stream_has_one_writer(log: FrameLog) -> None:
    with log.writer() as writer, log.writer() as second:
        writer.open_stream("a", source="test:", finite=False)
        with pytest.raises(StreamBusyError, match=r"stream a is .*--stream"):
            second.open_stream("a", source="test:", finite=False)
        with pytest.raises(StreamBusyError, match="already"):
            writer.open_stream("a", source="test:", finite=False)
        second.open_stream("b", source="test:", finite=False)
    with log.writer() as writer:
        writer.open_stream("a", source="test:", finite=False)


def test_a_stream_must_be_opened_and_legal(log: FrameLog) -> None:
    with log.writer() as writer:
        with pytest.raises(InvalidArgumentError, match="not allowed"):
            writer.open_stream("a/b", source="test:", finite=False)
        state = writer.open_stream("a", source="test:", finite=False)
        unopened = make_frame(state, 0)
        object.__setattr__(unopened.key, "stream", "b")
        with pytest.raises(InvalidArgumentError, match="open_stream"):
            writer.append(unopened)


def test_a_closed_writer_says_so(log: FrameLog) -> None:
    writer = log.writer()
    state = writer.open_stream("a", source="test:", finite=False)
    writer.close()
    writer.close()
    for use in (
        lambda: writer.append(make_frame(state, 0)),
        lambda: writer.flush(0.0),
        lambda: writer.next_pass("a"),
        lambda: writer.open_stream("b", source="test:", finite=False),
    ):
        with pytest.raises(ClosedError, match="writer"):
            use()


def test_streams_of_one_partition_keep_their_order(log: FrameLog) -> None:
    names = [f"cam-{number}" for number in range(20)]
    with log.writer() as writer:
        states = [writer.open_stream(name, source="test:", finite=False) for name in names]
        for seq in range(10):
            for state in states:
                writer.append(make_frame(state, seq))
        assert writer.flush(TIMEOUT_S)
    seen: dict[str, list[int]] = {name: [] for name in names}
    for meta in log.scan_frames():
        seen[meta.key.stream].append(meta.key.seq)
    assert all(seqs == list(range(10)) for seqs in seen.values())
    assert sum(log.end_offsets().values()) == 200


def test_a_run_that_goes_on_repeats_nothing_it_has_finished(log: FrameLog) -> None:
    began_us = now_us()
    with log.writer() as writer:
        first = writer.open_stream("clip", source="file:clip.mp4", finite=True)
        writer.append(make_frame(first, 0))
        writer.finish_pass("clip")
    for _ in range(2):
        with log.writer() as writer:
            again = writer.open_stream("clip", source="file:clip.mp4", finite=True, run_since_us=began_us)
        assert (again.done, again.epoch, again.next_seq) == (True, first.epoch, 1)
    with log.writer() as writer:
        later = writer.open_stream("clip", source="file:clip.mp4", finite=True, run_since_us=now_us() + 1)
    assert (later.done, later.next_seq) == (False, 0)
    assert later.epoch > first.epoch


def test_a_stream_that_was_given_up_can_be_opened_again(log: FrameLog) -> None:
    acks: list[Ack] = []
    with log.writer() as writer, log.writer() as other:
        state = writer.open_stream("a", source="test:", finite=False)
        for seq in range(20):
            assert writer.append(make_frame(state, seq), acks.append)
        with pytest.raises(StreamBusyError):
            other.open_stream("a", source="test:", finite=False)
        assert writer.close_stream("a", TIMEOUT_S)
        assert len(acks) == 20, "after all that was appended"
        later = other.open_stream("a", source="test:", finite=False)
        assert later.epoch > state.epoch
        with pytest.raises(InvalidArgumentError, match="not open"):
            writer.append(make_frame(state, 20))


def test_a_finite_source_given_up_in_the_middle_goes_on_there(log: FrameLog) -> None:
    with log.writer() as writer:
        state = writer.open_stream("a", source="clip", finite=True)
        assert writer.append(make_frame(state, 0))
        assert writer.close_stream("a", TIMEOUT_S)
        again = writer.open_stream("a", source="clip", finite=True)
        assert (again.epoch, again.next_seq) == (state.epoch, 1)
        writer.finish_pass("a")
        assert writer.close_stream("a", TIMEOUT_S)
        assert writer.open_stream("a", source="clip", finite=True).epoch > state.epoch, "a pass that was finished is"


def test_giving_up_a_stream_that_is_not_open_does_nothing(log: FrameLog) -> None:
    with log.writer() as writer:
        assert writer.close_stream("a", 0.0)
