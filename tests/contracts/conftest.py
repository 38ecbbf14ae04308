"""The stores that must keep the FrameLog contract."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from framehop.log import KafkaOptions, LogOptions, SpoolOptions, open_log
from framehop.log.kafka.behind import KafkaBehind
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.log.spool.behind import LogBehind
from framehop.log.spool.spooled_log import SpooledLog
from framehop.protocols import Delivery, FrameLog
from framehop.testing.memory_log import MemoryLog
from tests.broker import Cluster
from tests.spools import MemoryBehind

QUEUE_BYTES = 1 << 20

# Stores that take a key and an event id once. In Kafka whoever reads folds them: the first one wins.
UNIQUE = ["embedded", "memory"]


def _embedded(tmp_path: Path) -> FrameLog:
    # Nobody is to be taken for dead here, however slow the machine.
    options = LogOptions(partitions=8, queue_bytes=QUEUE_BYTES, session_timeout_s=20.0, reserve_bytes=0)
    return open_log(tmp_path / "log", options=options)


def _memory(_tmp_path: Path) -> FrameLog:
    return MemoryLog(partitions=8, queue_bytes=QUEUE_BYTES)


def _kafka(tmp_path: Path, cluster: Cluster, prefix: str, delivery: Delivery, *, sites: bool = False) -> FrameLog:
    """`sites`: frames lie in topics by a template, of which all go to the first."""
    options = KafkaOptions(
        delivery=delivery,
        membership="dynamic",  # who leaves gives its partitions up at once
        session_timeout_s=20.0,
        client={"heartbeat.interval.ms": 100},  # by which a member learns that another has come
        commit_interval_s=0.0,
        queue_bytes=QUEUE_BYTES,
        state_dir=str(tmp_path / "state"),
        frames_topic=f"{prefix}.cams.{{site}}" if sites else "",
        labels={"site": "east"},
    )
    log = KafkaLog(f"kafka://{cluster.bootstrap}/{prefix}", options=options)
    if sites:
        log.create_topics(TopicPlan(partitions=4), frames=[f"{prefix}.cams.east", f"{prefix}.cams.west"])
    else:
        log.create_topics(TopicPlan(partitions=8))
    return log


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A spool only stands before writers: with Kafka, where a test takes long, it keeps the contract of writers alone."""
    away = [
        item
        for item in items
        if isinstance(item, pytest.Function)
        and "[spool-kafka" in item.name
        and item.path.name not in {"test_writing.py", "test_sources.py"}
    ]
    config.hook.pytest_deselected(items=away)
    items[:] = [item for item in items if item not in away]


@contextmanager
def _with_spool(log: Any, behind: LogBehind, tmp_path: Path) -> Iterator[None]:
    """Give the log's writers a spool. No log is to be taken for slow here, however slow the machine."""
    with (
        mock.patch("framehop.log.spool.passage.SLOW_S", 60.0),
        mock.patch("framehop.log.spool.ways.PATIENCE_S", 60.0),
        SpooledLog(behind, tmp_path / "spool", SpoolOptions(), queue_bytes=QUEUE_BYTES) as spooled,
    ):
        close = log.close

        def close_both() -> None:
            spooled.close()
            close()

        log.writer, log.close = spooled.writer, close_both
        yield


@contextmanager
def _spooled_memory(tmp_path: Path) -> Iterator[FrameLog]:
    with (
        MemoryLog(partitions=8, queue_bytes=QUEUE_BYTES) as log,
        _with_spool(log, MemoryBehind(log, queue_bytes=QUEUE_BYTES), tmp_path),
    ):
        yield log


@pytest.fixture(
    params=[
        "embedded",
        "memory",
        "spool-memory",
        pytest.param("spool-kafka", marks=pytest.mark.kafka),
        pytest.param("kafka", marks=pytest.mark.kafka),
        pytest.param("kafka-exactly-once", marks=pytest.mark.kafka),
        pytest.param("kafka-topics", marks=pytest.mark.kafka),
    ]
)
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def log(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FrameLog]:
    if store == "spool-memory":
        with _spooled_memory(tmp_path) as opened:
            yield opened
        return
    if "kafka" not in store:
        with _embedded(tmp_path) if store == "embedded" else _memory(tmp_path) as opened:
            yield opened
        return
    cluster: Cluster = request.getfixturevalue("kafka_cluster")
    prefix = f"contract-{uuid.uuid4()}"
    delivery: Delivery = "exactly-once" if store.endswith("exactly-once") else "at-least-once"
    with _kafka(tmp_path, cluster, prefix, delivery, sites=store == "kafka-topics") as opened:
        if store == "spool-kafka":
            behind = KafkaBehind(opened.url, KafkaOptions(queue_bytes=QUEUE_BYTES, state_dir=str(tmp_path / "state")))
            with _with_spool(opened, behind, tmp_path):
                yield opened
        else:
            yield opened
    cluster.forget_topics(prefix)
