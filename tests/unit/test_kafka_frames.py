"""Single frames of a log in Kafka: what retention has removed, and a client that holds too much."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from framehop.log import KafkaOptions
from framehop.log.kafka import frame_client, frame_clients
from framehop.log.kafka.frame_client import FrameClient
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.types import FramePointer
from tests.broker import Cluster
from tests.logs import TIMEOUT_S, is_whole, write

COUNT = 20


@pytest.fixture
def log(kafka_cluster: Cluster, tmp_path: Path) -> Iterator[KafkaLog]:
    prefix = f"frames-{uuid.uuid4()}"
    with KafkaLog(f"kafka://{kafka_cluster.bootstrap}/{prefix}", options=KafkaOptions(state_dir=str(tmp_path))) as log:
        log.create_topics(TopicPlan(partitions=4))
        with log.writer() as writer:
            for stream in ("a", "b", "c", "d", "e"):
                write(writer, stream, COUNT)
        yield log
    kafka_cluster.forget_topics(prefix)


def by_turns(log: KafkaLog) -> list[tuple[FramePointer, int]]:
    """Return the places and seqs of all frames, one of each stream in turn."""
    metas = sorted(log.scan_frames(), key=lambda meta: (meta.key.seq, meta.key.stream))
    assert len({meta.pointer.partition for meta in metas}) > 1
    return [(meta.pointer, meta.key.seq) for meta in metas]


def seq_at(log: KafkaLog, pointer: FramePointer) -> int:
    record = log.read_frame(pointer)
    assert record is not None
    assert is_whole(record)
    return record.meta.key.seq


def test_a_frame_that_retention_has_removed_is_none(log: KafkaLog, kafka_cluster: Cluster) -> None:
    first = by_turns(log)[0][0]
    fifth = replace(first, offset=5)
    assert log.read_frame(first) is not None
    begin = TopicPartition(first.topic, first.partition, 5)
    admin = AdminClient(kafka_cluster.client())  # kept: without it nobody answers
    admin.delete_records([begin])[begin].result(TIMEOUT_S)
    for _ in range(2):
        assert log.read_frame(first) is None
        assert log.read_frame(fifth) is not None, "the client is of use all the same"


def test_one_client_reads_for_one_thread_also_when_it_holds_too_much(
    log: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it leaves partitions, and finds them again."""
    made: list[FrameClient] = []

    class Counted(FrameClient):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            made.append(self)

    monkeypatch.setattr(frame_clients, "FrameClient", Counted)
    found = by_turns(log)
    assert [seq_at(log, pointer) for pointer, _ in found] == [seq for _, seq in found]
    for limit in ("MOST_BYTES", "MOST_FOLLOWED"):
        with monkeypatch.context() as patch:
            patch.setattr(frame_client, limit, 1)
            assert [seq_at(log, pointer) for pointer, _ in found[:20]] == [seq for _, seq in found[:20]], limit
    assert len(made) == 1
