"""FrameArchive.read_frame: single frames by their place, in any order and from many threads."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from framehop.errors import ClosedError
from framehop.protocols import FrameLog
from framehop.types import FramePointer
from tests.logs import TIMEOUT_S, is_whole, make_frame, write

COUNT = 150  # more than what a client of Kafka reads on the way to a frame


def _pointers(log: FrameLog, *streams: str) -> dict[str, list[FramePointer]]:
    """Write COUNT frames of each stream; return their places in order."""
    with log.writer() as writer:
        for stream in streams:
            write(writer, stream, COUNT)
    found: dict[str, list[FramePointer]] = {stream: [] for stream in streams}
    for meta in log.scan_frames():
        found[meta.key.stream].append(meta.pointer)
    return found


def _seq(log: FrameLog, pointer: FramePointer) -> int:
    record = log.read_frame(pointer)
    assert record is not None
    assert record.meta.pointer == pointer
    assert is_whole(record)
    return record.meta.key.seq


def test_frames_are_read_in_any_order_and_from_many_threads(log: FrameLog) -> None:
    """The frames are of streams that share a partition, and of others."""
    found = _pointers(log, "a", "b", "c")
    for stream, pointers in found.items():
        assert [_seq(log, pointer) for pointer in pointers] == list(range(COUNT)), stream
    assert [_seq(log, pointer) for pointer in found["a"][::-40]] == list(range(COUNT))[::-40]
    mixed = [(seq, pointer) for pointers in found.values() for seq, pointer in enumerate(pointers)]
    for seq, pointer in random.Random(3).sample(mixed, 30):
        assert _seq(log, pointer) == seq

    def read_all(stream: str) -> list[int]:
        return [_seq(log, pointer) for pointer in found[stream]]

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(read_all, ["a", "b"] * 3, timeout=TIMEOUT_S * 2))
    assert answers == [list(range(COUNT))] * 6


def test_a_frame_is_read_as_soon_as_it_is_acknowledged(log: FrameLog) -> None:
    """Whoever follows a log always asks for what lies just behind its end of before."""
    with log.writer() as writer:
        state = writer.open_stream("a", source="test:", finite=False)
        for seq in range(10):
            places: list[FramePointer] = []
            assert writer.append(make_frame(state, seq), lambda ack, places=places: places.append(ack.pointer))  # type: ignore[misc]
            assert writer.flush(TIMEOUT_S)
            assert _seq(log, places[0]) == seq


def test_what_no_frame_has_is_none_and_a_closed_log_refuses(log: FrameLog) -> None:
    [first, *_, last] = _pointers(log, "a")["a"]
    for changes in ({"offset": last.offset + 1}, {"offset": last.offset + 10_000}, {"offset": -1}, {"partition": 4000}):
        assert log.read_frame(replace(last, **changes)) is None, changes  # type: ignore[arg-type]
        assert _seq(log, last) == COUNT - 1, "and the next one is read all the same"
    assert _seq(log, first) == 0
    log.close()
    with pytest.raises(ClosedError):
        log.read_frame(first)
