"""Tests of what is asked of brokers while none answers, or a group's coordinator does not."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from framehop.errors import LogUnavailableError
from framehop.log.kafka import groups
from framehop.log.kafka.connection import Connection, settings
from framehop.log.kafka.descriptions import CLIENTS_LONGEST_S, Descriptions
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
    with pytest.raises(LogUnavailableError):
        view_of(_connection(admin), "framehop.detect-main")
    assert admin.asked == ["list_topics"]


class _NoCoordinator:
    """An admin client whose brokers answer all but descriptions of groups, which wait for a coordinator."""

    def __init__(self) -> None:
        self.under_way: list[tuple[str, float, Future[Any]]] = []

    def list_topics(self, **_options: object) -> None:
        pass

    def describe_consumer_groups(self, names: list[str], *, request_timeout: float) -> dict[str, Future[Any]]:
        [name], future = names, Future[Any]()
        self.under_way.append((name, request_timeout, future))
        return {name: future}


def test_a_description_that_waits_for_its_coordinator_is_never_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "REQUEST_S", 0.01)
    admin = _NoCoordinator()
    connection = _connection(admin)
    for _ in range(3):
        with pytest.raises(LogUnavailableError):
            view_of(connection, "main")
    with pytest.raises(LogUnavailableError):
        view_of(connection, "shadow")
    assert [(name, wait_s) for name, wait_s, _ in admin.under_way] == [
        ("main", CLIENTS_LONGEST_S),
        ("shadow", CLIENTS_LONGEST_S),
    ]
    for _, _, future in admin.under_way:
        future.set_result(SimpleNamespace(state=ConsumerGroupState.STABLE, members=[]))
    with pytest.raises(LogUnavailableError):
        view_of(connection, "main")
    assert len(admin.under_way) == 3, "one that was answered is not asked for again"


def _connection(admin: object) -> Connection:
    connection = Connection.__new__(Connection)
    connection.url, connection.causes = KafkaUrl.parse("kafka://broker:9092"), Causes()
    connection.admin = admin  # type: ignore[assignment]  # it does what these tests need
    connection.descriptions = Descriptions(connection.admin)
    return connection


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
