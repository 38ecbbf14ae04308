"""Settings that whoever uses a topic or a group has to know, and that a broker may hide."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from framehop.log.kafka.connection import Connection
from framehop.log.kafka.errors import Causes
from framehop.log.kafka.groups import warn_of_long_session
from framehop.log.kafka.offset_queries import DEFAULT_LARGEST, OVERHEAD_BYTES, largest_record
from framehop.log.kafka.options import KafkaOptions
from framehop.log.kafka.url import KafkaUrl


class _Topics:
    """An admin client whose topics all have these settings, as far as the broker shows them."""

    def __init__(self, **shown: str | None) -> None:
        self._settings = {name.replace("_", "."): value for name, value in shown.items()}

    def describe_configs(self, resources: list[Any], *, request_timeout: float) -> dict[Any, Future[Any]]:
        del request_timeout
        answer = Future[Any]()
        answer.set_result({name: SimpleNamespace(value=value) for name, value in self._settings.items()})
        return dict.fromkeys(resources, answer)


@pytest.mark.parametrize(("policy", "warned"), [("delete", False), ("compact", True), ("compact,delete", True)])
def test_a_compacted_topic_is_warned_of(policy: str, warned: bool, caplog: pytest.LogCaptureFixture) -> None:
    connection = _connection(_Topics(cleanup_policy=policy, max_message_bytes="1048588"))
    with caplog.at_level(logging.WARNING):
        assert largest_record(connection, "framehop.frames") == 1048588 - OVERHEAD_BYTES
    assert ["topic framehop.frames is compacted" in record.getMessage() for record in caplog.records] == [True] * warned


@pytest.mark.parametrize("topics", [_Topics(), _Topics(cleanup_policy=None, max_message_bytes=None)])
def test_what_a_broker_hides_is_assumed_and_said(topics: _Topics, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert largest_record(_connection(topics), "framehop.frames") == DEFAULT_LARGEST
        [record] = caplog.records
        assert "does not say how large a record topic framehop.frames takes" in record.getMessage()
        caplog.clear()
        told = _connection(topics, KafkaOptions(client={"message.max.bytes": 2_000_000}))
        assert largest_record(told, "framehop.frames") == 2_000_000
    assert not caplog.records


@pytest.mark.parametrize("shown", [{}, {"consumer_session_timeout_ms": None}])
def test_a_session_that_a_broker_hides_is_not_judged(shown: dict[str, None], caplog: pytest.LogCaptureFixture) -> None:
    options = KafkaOptions(client={"group.protocol": "consumer"}, membership="dynamic")
    with caplog.at_level(logging.WARNING):
        warn_of_long_session(_connection(_Topics(**shown), options), "framehop.detect-main")
    assert not caplog.records


def _connection(admin: _Topics, options: KafkaOptions | None = None) -> Connection:
    connection = Connection.__new__(Connection)
    connection.url, connection.causes = KafkaUrl.parse("kafka://broker:9092"), Causes()
    connection.options = options or KafkaOptions()
    connection.admin = admin  # type: ignore[assignment]  # it does what is asked here
    return connection
