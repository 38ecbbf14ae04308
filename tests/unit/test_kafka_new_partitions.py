"""Partitions that were just added: brokers that have yet to hear of them use the words for a topic that is missing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from framehop.errors import LogNotFoundError
from framehop.log import KafkaOptions
from framehop.log.kafka import consumer as module
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.offset_queries import ends
from framehop.log.kafka.topics import TopicPlan
from framehop.log.kafka.url import KafkaUrl
from framehop.types import Partition
from tests.broker import Cluster
from tests.logs import make_frame, read
from tests.waiting import until

pytestmark = pytest.mark.kafka


@pytest.fixture
def log(kafka_cluster: Cluster, tmp_path: Path) -> Iterator[KafkaLog]:
    prefix = f"added-{uuid.uuid4().hex[:12]}"
    options = KafkaOptions(state_dir=str(tmp_path / "state"))
    with KafkaLog(f"kafka://{kafka_cluster.bootstrap}/{prefix}", options=options) as opened:
        opened.create_topics(TopicPlan(partitions=2))
        yield opened
    kafka_cluster.forget_topics(prefix)


class _Stale(Consumer):
    """A client that says of `strange` partitions, once of each, that it does not know them."""

    strange: list[Partition]

    def poll(self, *args: Any, **more: Any) -> Message | None:
        if not self.strange or not self.assignment():
            return super().poll(*args, **more)
        partition = self.strange.pop()
        error = KafkaError(KafkaError._UNKNOWN_PARTITION)
        return Message(topic=partition.topic, partition=partition.number, offset=-1001, error=error)


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch) -> type[_Stale]:
    monkeypatch.setattr(module, "Consumer", _Stale)
    return _Stale


def _frames(log: KafkaLog) -> str:
    return KafkaUrl.parse(log.url).frames


def test_a_worker_lives_that_is_told_too_early(log: KafkaLog, stale: type[_Stale]) -> None:
    stale.strange = [Partition(_frames(log), 1)]
    with log.writer() as writer, log.consumer("detect-main", member="0") as consumer:
        until(lambda: not (consumer.poll(1, 0.1) or stale.strange), "the client has said that it does not know it")
        writer.append(make_frame(writer.open_stream("gate", source="test:gate", finite=True), 0))
        assert read(consumer, 1)


def test_a_partition_that_is_not_there_is_an_error(log: KafkaLog, stale: type[_Stale]) -> None:
    stale.strange = [Partition(_frames(log), 2)]
    with log.consumer("detect-main", member="0") as consumer, pytest.raises(LogNotFoundError):
        until(lambda: consumer.poll(1, 0.1), "an error")


class _Forgetful:
    """An admin client of a broker that has not heard of a topic, the first time that it is asked where it ends."""

    def __init__(self, admin: Any) -> None:
        self._admin, self.asked = admin, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._admin, name)

    def list_offsets(self, wanted: Any, **more: Any) -> Any:
        self.asked += 1
        if self.asked > 1:
            return self._admin.list_offsets(wanted, **more)
        unknown: Future[Any] = Future()
        unknown.set_exception(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
        return dict.fromkeys(wanted, unknown)


@pytest.fixture
def forgetful(log: KafkaLog, tmp_path: Path) -> Connection:
    connection = Connection(KafkaUrl.parse(log.url), KafkaOptions(state_dir=str(tmp_path / "state")))
    connection.admin = _Forgetful(connection.admin)  # type: ignore[assignment]
    return connection


def test_a_broker_that_has_yet_to_hear_of_it_is_asked_again(log: KafkaLog, forgetful: Connection) -> None:
    partition = Partition(_frames(log), 1)
    assert ends(forgetful, [partition]) == {partition: 0}


def test_what_is_not_there_is_not_waited_for(log: KafkaLog, forgetful: Connection) -> None:
    with pytest.raises(LogNotFoundError):
        ends(forgetful, [Partition(_frames(log), 2)])
