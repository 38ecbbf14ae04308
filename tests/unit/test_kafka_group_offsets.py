"""Tests of a group's offsets that are asked for while their log is closed."""

from __future__ import annotations

import socket
import threading

from framehop.errors import ClosedError, FramehopError
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.groups import GroupOffsets
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


def _connection(port: int) -> Connection:
    connection = Connection.__new__(Connection)
    connection.url, connection.options = KafkaUrl.parse(f"kafka://127.0.0.1:{port}"), KafkaOptions()
    return connection
