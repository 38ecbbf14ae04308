"""A member that is closed while its group is being balanced."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from framehop.log import KafkaOptions
from framehop.log.kafka import consumer as module
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from tests.broker import Cluster
from tests.logs import make_frame, read

pytestmark = pytest.mark.kafka


class _Joining(Consumer):
    """A client that is joining its group, once it is `late`: it has no generation then."""

    late = False

    def consumer_group_metadata(self) -> object:
        if _Joining.late:
            raise RuntimeError("Consumer group metadata not available")
        return super().consumer_group_metadata()


@pytest.fixture
def log(kafka_cluster: Cluster, tmp_path: Path) -> Iterator[KafkaLog]:
    prefix = f"closing-{uuid.uuid4().hex[:12]}"
    options = KafkaOptions(state_dir=str(tmp_path / "state"), delivery="exactly-once")  # which needs the generation
    with KafkaLog(f"kafka://{kafka_cluster.bootstrap}/{prefix}", options=options) as opened:
        opened.create_topics(TopicPlan(partitions=1))
        yield opened
    kafka_cluster.forget_topics(prefix)


def test_it_ends_without_an_error(log: KafkaLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Consumer", _Joining)
    monkeypatch.setattr(_Joining, "late", False)
    with log.writer() as writer, log.consumer("detect-main", member="0") as consumer:
        state = writer.open_stream("gate", source="test:gate", finite=True)
        writer.append(make_frame(state, 0))
        assert read(consumer, 1)
        _Joining.late = True
