"""Tests of a transaction whose client never answers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from framehop.errors import LogError, LogUnavailableError
from framehop.log import KafkaOptions
from framehop.log.kafka import delivery as module
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.delivery import ExactlyOnce
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.output_records import Output
from framehop.log.kafka.topics import TopicPlan
from framehop.log.kafka.url import KafkaUrl
from tests.broker import Cluster
from tests.logs import TIMEOUT_S

pytestmark = pytest.mark.kafka


@pytest.fixture
def silent() -> Iterator[type[Producer]]:
    """A producer; its threads end with the test."""
    _Silent.answer = Event()
    yield _Silent
    _Silent.answer.set()


class _Silent(Producer):
    """Its offsets are never answered, whatever time-out it was given."""

    answer: Event

    def send_offsets_to_transaction(self, *_: Any) -> None:
        assert self.answer.wait(TIMEOUT_S)


@pytest.fixture
def connection(kafka_cluster: Cluster, tmp_path: Path) -> Iterator[Connection]:
    prefix = f"delivery-{uuid.uuid4().hex[:12]}"
    url = f"kafka://{kafka_cluster.bootstrap}/{prefix}"
    options = KafkaOptions(delivery="exactly-once", state_dir=str(tmp_path / "state"))
    with KafkaLog(url, options=options) as log:
        log.create_topics(TopicPlan(partitions=1))
    yield Connection(KafkaUrl.parse(url), options)
    kafka_cluster.forget_topics(prefix)


def _event(connection: Connection, value: bytes) -> Output:
    return Output(identity=value.decode(), topic=connection.url.detections, partition=0, key="gate", record=(value, []))


def _visible(cluster: Cluster, topic: str) -> list[bytes]:
    """Return the records that a read_committed reader finds up to the end."""
    consumer = Consumer(
        {
            **cluster.client(),
            "group.id": "test",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: list[bytes] = []
    try:
        while (message := consumer.poll(TIMEOUT_S)) is not None:
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF
                return found
            found.append(message.value() or b"")
    finally:
        consumer.close()
    raise AssertionError(f"no end of {topic} within {TIMEOUT_S} s")


def test_a_transaction_that_hangs_ends_its_producer_and_is_not_seen(
    connection: Connection, kafka_cluster: Cluster, monkeypatch: pytest.MonkeyPatch, silent: type[Producer]
) -> None:
    marks = [TopicPartition(connection.url.frames, 0, 1)]
    with monkeypatch.context() as patch:
        patch.setattr(module, "Producer", silent)
        patch.setattr(module, "HUNG_S", 0.2)
        hung = ExactlyOnce(connection, "worker-0")
        with pytest.raises(LogError, match=r"not answered for .*starts anew") as raised:
            hung.deliver([_event(connection, b"hung")], marks, None)
        assert not isinstance(raised.value, LogUnavailableError)  # which would be tried again
        with pytest.raises(LogError, match="hangs"):
            hung.deliver([_event(connection, b"again")], marks, None)
        hung.close()
    successor = ExactlyOnce(connection, "worker-0")
    successor.deliver([_event(connection, b"anew")], [], None)
    assert _visible(kafka_cluster, connection.url.detections) == [b"anew"]
