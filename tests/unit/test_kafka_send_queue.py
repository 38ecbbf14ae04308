"""Tests of the frames that a writer has under way: bounded, told to those who wait, and ended by the first failure."""

from __future__ import annotations

import threading

import pytest

from framehop.errors import ClosedError, LogError
from framehop.log.kafka import send_queue
from framehop.log.kafka.send_queue import SendQueue
from framehop.types import FrameKey
from tests.logs import TIMEOUT_S


def test_a_frame_waits_for_room_and_one_alone_always_fits() -> None:
    queue = SendQueue(100)
    with queue.lock:
        assert queue.wait_room(1000, 0.0)
        queue.add(60)
        assert queue.wait_room(40, 0.0)
        assert not queue.wait_room(41, 0.0)
        queue.answered(60)
        assert queue.wait_room(41, 0.0)
        assert queue.frames == 0


def test_who_waits_for_room_gets_it_when_a_frame_is_answered() -> None:
    queue = SendQueue(100)
    with queue.lock:
        queue.add(100)
    found: list[bool] = []

    def wait() -> None:
        with queue.lock:
            found.append(queue.wait_room(50, TIMEOUT_S))

    thread = threading.Thread(target=wait)
    thread.start()
    with queue.lock:
        queue.answered(100)
        queue.tell(quiet=True)
    thread.join(TIMEOUT_S)
    assert found == [True]


def test_the_first_failure_ends_it_also_for_those_who_wait() -> None:
    queue = SendQueue(100)
    with queue.lock:
        queue.add(100)
    said: list[str] = []

    def wait() -> None:
        with queue.lock, pytest.raises(LogError) as caught:
            queue.wait_room(50, None)
        said.append(str(caught.value))

    thread = threading.Thread(target=wait)
    thread.start()
    with queue.lock:
        queue.fail(LogError("first"))
        queue.fail(LogError("second"))
    thread.join(TIMEOUT_S)
    assert said == ["first"]
    assert queue.failed


def test_who_waits_for_room_hears_at_once_that_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_queue, "FULL_S", 10 * TIMEOUT_S)
    queue = SendQueue(100)
    with queue.lock:
        queue.add(100)
    waits, said = threading.Event(), list[str]()

    def wait() -> None:
        with queue.lock:
            waits.set()
            with pytest.raises(ClosedError) as caught:
                queue.wait_room(50, None)
        said.append(str(caught.value))

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    assert waits.wait(TIMEOUT_S)
    with queue.lock:
        assert queue.close()
    thread.join(TIMEOUT_S)
    assert said == ["this writer of the log is closed"]


def test_of_a_refused_batch_the_largest_frame_is_named() -> None:
    queue = SendQueue(100)
    with queue.lock:
        assert queue.refusal() is None
        for seq, size in enumerate((5, 9, 7)):
            queue.refuse(size, FrameKey("gate", 1, seq), LogError("too large"))
        assert str(queue.refusal()).startswith(f"frame {FrameKey('gate', 1, 1)}, of 9 bytes, ")


def test_a_closed_one_says_so_even_after_a_failure() -> None:
    queue = SendQueue(100)
    with queue.lock:
        queue.fail(LogError("gone"))
        assert queue.close()
        assert not queue.close()
        with pytest.raises(ClosedError):
            queue.check()
