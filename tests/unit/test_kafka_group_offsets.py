"""Tests of a group's offsets that are asked for while their log is closed."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from framehop.errors import ClosedError, FramehopError
from framehop.handles import Handles
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.groups import GroupOffsets
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.options import KafkaOptions
from framehop.log.kafka.url import KafkaUrl
from framehop.types import Partition

WAIT_S = 30.0


def test_a_look_under_way_ends_when_the_log_is_closed() -> None:
    """A broker that accepts connections and says nothing has three threads wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        offsets = GroupOffsets(_connection(silent.getsockname()[1]), "framehop.detect-main")
        failures: list[Exception] = []

        def look() -> None:
            try:
                offsets.committed([Partition("framehop.frames", 0)])
            except (FramehopError, RuntimeError) as error:
                failures.append(error)

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        silent.accept()[0].close()
        offsets.close()
        for thread in threads:
            thread.join(WAIT_S)
        offsets.close()
    assert [type(failure) for failure in failures] == [ClosedError] * 3, failures


class _ClosedMeanwhile(contextlib.AbstractContextManager[None]):
    """A lock that is taken just after its log was closed."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles

    def __enter__(self) -> None:
        self._handles.close()

    def __exit__(self, *exc: object) -> None:
        pass


def test_no_client_is_made_once_the_log_is_closed() -> None:
    log = KafkaLog.__new__(KafkaLog)
    log._url, log._handles, log._groups = KafkaUrl.parse("kafka://127.0.0.1:1"), Handles("the log"), {}
    log._lock = _ClosedMeanwhile(log._handles)  # type: ignore[assignment]  # it does what is asked here
    with pytest.raises(ClosedError):
        log.committed("detect-main")


def _connection(port: int) -> Connection:
    connection = Connection.__new__(Connection)
    connection.url, connection.options = KafkaUrl.parse(f"kafka://127.0.0.1:{port}"), KafkaOptions()
    return connection
