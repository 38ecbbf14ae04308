"""A topic that Kafka compacts: whoever writes to it says that its records will vanish."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from framehop.log.kafka.connection import Connection
from framehop.log.kafka.errors import Causes
from framehop.log.kafka.offset_queries import OVERHEAD_BYTES, largest_record
from framehop.log.kafka.url import KafkaUrl


class _Topics:
    """An admin client that knows the settings of topics, which all have the same `policy`."""

    def __init__(self, policy: str) -> None:
        self._settings = {"cleanup.policy": policy, "max.message.bytes": "1048588"}

    def describe_configs(self, resources: list[Any], *, request_timeout: float) -> dict[Any, Future[Any]]:
        del request_timeout
        answer = Future[Any]()
        answer.set_result({name: SimpleNamespace(value=value) for name, value in self._settings.items()})
        return dict.fromkeys(resources, answer)


@pytest.mark.parametrize(("policy", "warned"), [("delete", False), ("compact", True), ("compact,delete", True)])
def test_a_compacted_topic_is_warned_of(policy: str, warned: bool, caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection.__new__(Connection)
    connection.url, connection.causes = KafkaUrl.parse("kafka://broker:9092"), Causes()
    connection.admin = _Topics(policy)  # type: ignore[assignment]  # it does what is asked here
    with caplog.at_level(logging.WARNING):
        assert largest_record(connection, "framehop.frames") == 1048588 - OVERHEAD_BYTES
    assert ["topic framehop.frames is compacted" in record.getMessage() for record in caplog.records] == [True] * warned
