"""Tests of the thread that takes a writer's acknowledgements: how long it waits, and what becomes of the writer when it fails."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import cast

import pytest

from framehop.errors import LogError
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.delivery_thread import DeliveryThread
from framehop.log.kafka.errors import Causes
from framehop.log.kafka.options import KafkaOptions
from framehop.log.kafka.producers import Producers
from framehop.log.kafka.send_queue import SendQueue
from framehop.log.kafka.template import TopicTemplate
from framehop.log.kafka.url import KafkaUrl
from tests.logs import TIMEOUT_S
from tests.waiting import until


class _Clients:
    """Clients whose polls tell whether they may wait longer, and end when the test says what they have heard."""

    def __init__(self) -> None:
        self.resting: SimpleQueue[bool] = SimpleQueue()
        self.heard: SimpleQueue[bool] = SimpleQueue()

    def poll(self, _ending: threading.Event, *, resting: bool) -> bool:
        self.resting.put(resting)
        return self.heard.get(timeout=TIMEOUT_S)


def _connection() -> Connection:
    connection = Connection.__new__(Connection)
    connection.url, connection.options = KafkaUrl.parse("kafka://broker:9092"), KafkaOptions()
    connection.frames = TopicTemplate("framehop.frames")
    return connection


def test_it_rests_while_nothing_is_under_way_and_nothing_was_heard() -> None:
    clients, queue = _Clients(), SendQueue(100)
    thread = DeliveryThread(_connection(), cast("Producers", clients), queue, Causes(), name="kafka-writer")
    assert clients.resting.get(timeout=TIMEOUT_S)
    with queue.lock:
        queue.add(10)
    clients.heard.put(False)
    assert not clients.resting.get(timeout=TIMEOUT_S), "a frame is under way"
    with queue.lock:
        queue.answered(10)
    clients.heard.put(True)
    assert not clients.resting.get(timeout=TIMEOUT_S), "what was heard is to be written down"
    clients.heard.put(False)
    assert clients.resting.get(timeout=TIMEOUT_S)
    thread._ending.set()
    clients.heard.put(False)
    thread.stop()


class _FaultyClients:
    def poll(self, _ending: threading.Event, *, resting: bool) -> bool:
        raise RuntimeError("a fault")


def test_a_fault_in_it_ends_the_writer_and_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    queue = SendQueue(100)
    thread = DeliveryThread(_connection(), cast("Producers", _FaultyClients()), queue, Causes(), name="kafka-writer")
    until(lambda: queue.failed, "the failure")
    thread.stop()
    with queue.lock, pytest.raises(LogError, match="a fault"):
        queue.check()
    assert "by a fault of framehop" in caplog.text
