"""Tests of what is asked of brokers while none answers."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from framehop.errors import LogUnavailableError
from framehop.log.kafka.connection import Connection, settings
from framehop.log.kafka.errors import Causes
from framehop.log.kafka.groups import view_of
from framehop.log.kafka.options import ClientValue, KafkaOptions
from framehop.log.kafka.url import KafkaUrl


class _NobodyAnswers:
    """An admin client without a broker. It keeps the names of the requests that were made."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def list_topics(self, **_options: object) -> Any:
        self.asked.append("list_topics")
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def describe_consumer_groups(self, *_groups: object, **_options: object) -> Any:
        self.asked.append("describe_consumer_groups")
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


def test_no_group_is_described_while_no_broker_answers() -> None:
    admin = _NobodyAnswers()
    connection = Connection.__new__(Connection)
    connection.url, connection.causes = KafkaUrl.parse("kafka://broker:9092"), Causes()
    connection.admin = admin  # type: ignore[assignment]  # it does as one without a broker does
    with pytest.raises(LogUnavailableError):
        view_of(connection, "framehop.detect-main")
    assert admin.asked == ["list_topics"]


@pytest.mark.parametrize(
    "client",
    [
        {"reconnect.backoff.max.ms": 200},
        {"reconnect.backoff.max.ms": "200"},
        {"reconnect.backoff.ms": 3000},
        {"reconnect.backoff.ms": 3000, "reconnect.backoff.max.ms": 5000},
    ],
)
def test_a_user_may_have_brokers_tried_more_often_or_less(client: dict[str, ClientValue]) -> None:
    url = KafkaUrl.parse("kafka://127.0.0.1:1")
    config = settings(url, KafkaOptions(client=client), "admin", Causes())
    AdminClient(config)  # it refuses a first wait above the longest
