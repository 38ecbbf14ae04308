"""Another application in the workers' group: told of, whatever rule it shares partitions by."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from framehop.errors import LogError
from framehop.log import KafkaOptions
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.ops.audit import audit
from framehop.timing import Deadline
from tests.broker import Cluster
from tests.logs import TIMEOUT_S, write
from tests.waiting import until

pytestmark = pytest.mark.kafka


@pytest.fixture
def log(kafka_cluster: Cluster, tmp_path: Path) -> Iterator[KafkaLog]:
    prefix = f"foreign-{uuid.uuid4().hex[:12]}"
    url = f"kafka://{kafka_cluster.bootstrap}/{prefix}"
    options = KafkaOptions(state_dir=str(tmp_path / "state"), session_timeout_s=2.0)
    with KafkaLog(url, options=options) as opened:
        opened.create_topics(TopicPlan(partitions=2))
        yield opened
    kafka_cluster.forget_topics(prefix)


@contextmanager
def stranger(cluster: Cluster, prefix: str, rule: str) -> Iterator[Consumer]:
    """A plain consumer in the group of the lane `main`, at work."""
    consumer = Consumer(
        {
            **cluster.client(),
            "client.id": "counter",
            "group.id": f"{prefix}.detect-main",
            "partition.assignment.strategy": rule,
            "session.timeout.ms": 6000,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([f"{prefix}.frames"])
    try:
        yield consumer
    finally:
        consumer.close()


def _prefix(log: KafkaLog) -> str:
    return str(log.url).rpartition("/")[2]


def test_one_that_shares_by_another_rule_is_why_we_cannot_join(log: KafkaLog, kafka_cluster: Cluster) -> None:
    with stranger(kafka_cluster, _prefix(log), "range") as other:
        until(
            lambda: other.poll(0.1) is None and len(other.assignment()) == 2, "the other application has what there is"
        )
        with log.consumer("detect-main", member="0") as worker:

            def look() -> bool:
                other.poll(0)
                worker.poll(1, 0.1)
                return False

            with pytest.raises(LogError, match="another application"):
                until(look, "it is told")


def test_one_that_shares_by_our_rule_is_warned_of_once(
    log: KafkaLog, kafka_cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    def told() -> list[str]:
        return [text for text in caplog.messages if text.startswith("another application is in group")]

    deadline = Deadline.after(TIMEOUT_S)
    with (
        log.consumer("detect-main", member="0") as worker,
        stranger(kafka_cluster, _prefix(log), "cooperative-sticky") as other,
    ):
        while not told() and not deadline.expired:
            worker.poll(1, 0.1)
            other.poll(0.1)
        assert len(told()) == 1
        assert "counter-" in told()[0]
        assert "frames that it is given get no events" in told()[0]


def test_what_it_has_committed_without_events_is_named_by_the_audit(log: KafkaLog, kafka_cluster: Cluster) -> None:
    with log.writer() as writer:
        write(writer, "gate", 3)
    with stranger(kafka_cluster, _prefix(log), "range") as other:
        until(lambda: other.poll(0.1), "it reads a frame")
    with log.writer() as writer:  # when it has gone: not committed
        write(writer, "gate", 1)
    report = audit(log)
    assert (report.ok, report.missing) == (False, 4)
    committed = [text for text in report.findings if "committed without an event" in text]
    assert 1 <= len(committed) < 4
    assert "does another application use group detect-main" in committed[0]
