"""Topics that take less than some events have."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from framehop.errors import LogError, LogUnavailableError
from framehop.log import KafkaOptions
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.protocols import FrameConsumer
from framehop.types import DetectedObject, Event
from tests.broker import Cluster
from tests.logs import make_event, marks_after, read, write

pytestmark = pytest.mark.kafka

LIMIT = 5000
CAT = DetectedObject(label="cat", label_id=0, confidence=0.5, box=(0.0, 0.0, 1.0, 1.0))


@pytest.fixture(params=["at-least-once", "exactly-once"])
def log(request: pytest.FixtureRequest, kafka_cluster: Cluster, tmp_path: Path) -> Iterator[KafkaLog]:
    prefix = f"large-{uuid.uuid4().hex[:12]}"
    options = KafkaOptions(delivery=request.param, membership="dynamic", state_dir=str(tmp_path / "state"))
    with KafkaLog(f"kafka://{kafka_cluster.bootstrap}/{prefix}", options=options) as opened:
        opened.create_topics(TopicPlan(partitions=1))
        yield opened
    kafka_cluster.forget_topics(prefix)


def limit(log: KafkaLog, cluster: Cluster, what: str, size: int) -> None:
    cluster.set_limit(f"{log.url.rpartition('/')[2]}.{what}", size)


def work(consumer: FrameConsumer, count: int, crowded: frozenset[int]) -> None:
    """Commits all events at once; the frames in `crowded` have as many objects as no topic takes."""
    records = read(consumer, count)
    events = [make_event(record) for record in records]
    events = [replace(event, objects=[CAT] * 200) if event.seq in crowded else event for event in events]
    consumer.commit(events, marks_after(records))


def outcomes(log: KafkaLog) -> list[Event]:
    with log.events() as reader:
        return [record.event for record in reader]


@pytest.mark.parametrize("small", ["detections", "deadletter"])
def test_an_event_that_is_too_large_becomes_a_failed_one(log: KafkaLog, kafka_cluster: Cluster, small: str) -> None:
    """Events that fit go through, even where a batch of them is larger than the limit."""
    limit(log, kafka_cluster, small, LIMIT)
    with log.writer() as writer, log.consumer("detect-main", member="0") as consumer:
        write(writer, "gate", 30)
        work(consumer, 30, crowded=frozenset({3}))
    found = outcomes(log)
    assert [event.outcome for event in found] == ["failed" if seq == 3 else "detected" for seq in range(30)]
    assert found[3].reason.startswith("event_too_large: ")
    assert "200 objects" in found[3].reason
    assert "raise max.message.bytes of the topic" in found[3].reason
    assert [letter.id for letter in log.dead_letters()] == [found[3].event_id]


def test_a_limit_that_is_lowered_at_work_is_named_and_heeded_by_the_next(log: KafkaLog, kafka_cluster: Cluster) -> None:
    with log.writer() as writer:
        write(writer, "gate", 30)
    with log.consumer("detect-main", member="0") as consumer:
        limit(log, kafka_cluster, "detections", LIMIT)
        with pytest.raises(LogError, match="raise max") as refused:
            work(consumer, 30, crowded=frozenset({3}))
        assert not isinstance(refused.value, LogUnavailableError)  # or it would be tried again for ever
    with log.consumer("detect-main", member="0") as consumer:
        work(consumer, 30, crowded=frozenset({3}))
    found = outcomes(log)
    if log.delivery == "at-least-once":  # what was acknowledged beside the refusal, also behind it, is written again
        found = sorted({event.event_id: event for event in found}.values(), key=lambda event: event.seq)
    assert [event.seq for event in found] == list(range(30))
