"""Groups of readers and lag where Kafka differs: members of the same name, and records that were removed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from framehop.errors import LogError
from framehop.log import KafkaOptions
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.partitioning import partition_of
from framehop.types import Partition
from tests.broker import Cluster
from tests.logs import TIMEOUT_S, make_event, marks_after, read, settle, write
from tests.waiting import until


@pytest.fixture
def log(kafka_cluster: Cluster, tmp_path: Path) -> Iterator[KafkaLog]:
    """Six frames of one stream with their events, in one partition."""
    url = f"kafka://{kafka_cluster.bootstrap}/readers-{uuid.uuid4()}"
    options = KafkaOptions(membership="dynamic", commit_interval_s=0.0, state_dir=str(tmp_path / "state"))
    with KafkaLog(url, options=options) as log:
        log.create_topics(TopicPlan(partitions=1))
        with log.writer() as writer, log.consumer("done", member="m") as consumer:
            write(writer, "gate", 6)
            records = read(consumer, 6)
            consumer.commit([make_event(record) for record in records], marks_after(records))
        yield log


def _remove(cluster: Cluster, topic: str, before: int, partition: int = 0) -> None:
    begin = TopicPartition(topic, partition, before)
    admin = AdminClient(cluster.client())  # kept: without it nobody answers
    admin.delete_records([begin])[begin].result(TIMEOUT_S)


def test_what_was_removed_is_not_behind(log: KafkaLog, kafka_cluster: Cluster) -> None:
    with log.consumer("slow", member="m") as consumer:
        records = read(consumer, 6)[:1]
        consumer.commit([], marks_after(records))
    _remove(kafka_cluster, log.describe_topics()[0].name, 4)
    (found,) = log.lag("slow")
    assert (found.committed, found.end, found.messages) == (1, 6, 2)
    assert found.seconds is not None
    _remove(kafka_cluster, log.describe_topics()[0].name, 6)
    (found,) = log.lag("slow")
    assert (found.messages, found.seconds) == (0, None)


def test_a_group_whose_next_events_were_removed_goes_on_with_what_is_left(
    log: KafkaLog, kafka_cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    with log.events(group="alerts") as reader:
        assert [record.event.seq for record in reader.poll(2, TIMEOUT_S)] == [0, 1]
    _remove(kafka_cluster, log.describe_topics()[1].name, 4)
    with log.events(group="alerts") as reader:
        assert [record.event.seq for record in reader] == [4, 5]
    assert "removed by retention" in caplog.text


def test_a_group_behind_the_end_of_its_events_says_so_and_begins_anew(
    log: KafkaLog, kafka_cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """A group stands there after a broker has lost the newest events, or after the topic was made anew."""
    prefix = log.url.rpartition("/")[2]
    consumer = Consumer(kafka_cluster.client() | {"group.id": f"{prefix}.alerts"})
    consumer.commit(offsets=[TopicPartition(f"{prefix}.detections", 0, 100)], asynchronous=False)
    consumer.close()
    seqs: list[int] = []
    with log.events(group="alerts") as reader:
        assert [record.event.seq for record in reader] == []

        def came() -> bool:
            seqs.extend(record.event.seq for record in reader.poll(6, 0.1))
            return len(seqs) >= 6

        until(came, "the events that are left")
    assert seqs == list(range(6))
    assert "ends at offset 6, and was read up to 100" in caplog.text
    assert "retention" not in caplog.text


def test_events_of_a_later_version_are_passed_over_and_counted(log: KafkaLog, kafka_cluster: Cluster) -> None:
    producer, topic = Producer(kafka_cluster.client()), log.describe_topics()[1].name
    producer.produce(topic, b'{"outcome": "dreamt"}', headers={"ce_type": "io.framehop.event.v1"}, partition=0)
    producer.flush(TIMEOUT_S)
    with log.consumer("again", member="m") as consumer:
        records = read(consumer, 1)
        consumer.commit([make_event(records[0], lane="again")], marks_after(records[:1]))
    with log.events() as reader:
        assert [record.event.lane for record in reader] == ["main"] * 6 + ["again"]
        assert reader.passed_over == 1


def test_a_group_with_members_is_not_for_readers(log: KafkaLog) -> None:
    with log.consumer("busy", member="m") as consumer:
        settle([consumer], 1)
        reader = log.events(group="busy")

        def refused() -> bool:
            try:
                reader.poll(1, 0.1)
            except LogError as error:
                return "has members" in str(error)
            return False

        until(refused, "the refusal")
        assert len(log.lag("busy")) == 1, "the members are none the worse"


def test_a_position_is_that_of_the_group_as_the_broker_knows_it(log: KafkaLog, kafka_cluster: Cluster) -> None:
    with log.events(group="alerts") as reader:
        assert len(reader.poll(4, TIMEOUT_S)) == 4
    prefix = log.url.rpartition("/")[2]
    consumer = Consumer(kafka_cluster.client() | {"group.id": f"{prefix}.alerts"})
    (found,) = consumer.committed([TopicPartition(f"{prefix}.detections", 0)], timeout=TIMEOUT_S)
    consumer.close()
    assert found.offset == 4


def test_a_worker_that_retention_overtakes_goes_on_with_what_is_left(kafka_cluster: Cluster, tmp_path: Path) -> None:
    """Its frames ahead are bounded; what lies behind them is removed before it gets there."""
    url = f"kafka://{kafka_cluster.bootstrap}/readers-{uuid.uuid4()}"
    options = KafkaOptions(
        membership="dynamic", commit_interval_s=0.0, prefetch_bytes=1 << 20, state_dir=str(tmp_path / "state")
    )
    with KafkaLog(url, options=options) as log:
        partition = Partition(f"{url.rpartition('/')[2]}.frames", partition_of("gate", 2))
        log.create_topics(TopicPlan(partitions=2))
        with log.writer() as writer:
            write(writer, "gate", 80, size=200_000)
        with log.consumer("g", member="m") as consumer:
            seqs = [record.meta.key.seq for record in read(consumer, 1)]
            _remove(kafka_cluster, partition.topic, 78, partition.number)

            def at_the_end() -> bool:
                seqs.extend(record.meta.key.seq for record in consumer.poll(8, 0.1))
                return seqs[-1] == 79

            until(at_the_end, "the last frame")
            consumer.commit([], {partition: 80})
            with log.consumer("g", member="m2") as second:
                settle([consumer, second], 2)  # it still gives up and takes partitions as others do
            settle([consumer], 2)
        assert log.committed("g")[partition] == 80
        written = [gap for gap in log.gaps() if gap.first_offset]
        assert [(gap.reason, gap.first_offset, gap.last_offset) for gap in written] == [
            ("retention", len(seqs) - 2, 77)
        ]
    assert seqs[-2:] == [78, 79]
    assert seqs[:-2] == list(range(len(seqs) - 2))
    assert len(seqs) < 80
