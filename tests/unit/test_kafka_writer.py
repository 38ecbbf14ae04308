"""The writer's streams are apart: one that is opened, or has lost its topic, is no other's business."""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from framehop.errors import ClosedError, LogNotFoundError, StreamBusyError
from framehop.log import KafkaOptions
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.offset_queries import log_end
from framehop.log.kafka.stream_store import StreamStore
from framehop.log.kafka.topics import TopicPlan
from framehop.pipeline.ingest.ingest import ingest
from framehop.protocols import FrameWriter, Picture
from framehop.types import Partition, StreamState
from tests.broker import Cluster
from tests.logs import TIMEOUT_S, make_frame, write

pytestmark = pytest.mark.kafka

STREAMS = ("gate", "yard")


@pytest.fixture
def log(kafka_cluster: Cluster, tmp_path: Path) -> Iterator[KafkaLog]:
    """Each stream in a topic of its own."""
    prefix = f"writer-{uuid.uuid4().hex[:12]}"
    options = KafkaOptions(state_dir=str(tmp_path / "state"), frames_topic=f"{prefix}.cams.{{stream}}")
    with KafkaLog(f"kafka://{kafka_cluster.bootstrap}/{prefix}", options=options) as opened:
        opened.create_topics(TopicPlan(partitions=1), frames=[_topic(opened, stream) for stream in STREAMS])
        yield opened
    kafka_cluster.forget_topics(prefix)


def _topic(log: KafkaLog, stream: str) -> str:
    return log.url.rpartition("/")[2] + f".cams.{stream}"


def _append_for_ever(writer: FrameWriter, state: StreamState) -> None:
    for seq in itertools.count(1):
        assert writer.append(make_frame(state, seq), timeout_s=TIMEOUT_S)
        assert writer.flush(3 * TIMEOUT_S)  # for 30 s the client takes a topic that it misses for a new one


class _SlowBroker:
    """Asked for the end of a partition, it answers when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.answer = Event(), Event()
        monkeypatch.setattr("framehop.log.kafka.producers.log_end", self)

    def __call__(self, connection: Connection, partition: Partition) -> int:
        self.asked.set()
        assert self.answer.wait(TIMEOUT_S)
        return log_end(connection, partition)


def test_a_stream_that_is_being_opened_holds_up_no_other(log: KafkaLog, monkeypatch: pytest.MonkeyPatch) -> None:
    with log.writer() as writer, ThreadPoolExecutor(1) as pool:
        yard = write(writer, "yard", 1)
        broker = _SlowBroker(monkeypatch)
        opening = pool.submit(writer.open_stream, "gate", source="test:gate", finite=False)
        assert broker.asked.wait(TIMEOUT_S)
        assert writer.append(make_frame(yard, 1))
        assert writer.flush(TIMEOUT_S)
        with pytest.raises(StreamBusyError):
            writer.open_stream("gate", source="test:gate", finite=False)
        broker.answer.set()
        gate = opening.result(TIMEOUT_S)
        assert writer.append(make_frame(gate, 0))
        assert writer.flush(TIMEOUT_S)


def test_a_pass_that_begins_holds_up_no_other_stream(log: KafkaLog, monkeypatch: pytest.MonkeyPatch) -> None:
    with log.writer() as writer, ThreadPoolExecutor(1) as pool:
        yard, gate = write(writer, "yard", 1), write(writer, "gate", 1)
        broker = _SlowBroker(monkeypatch)
        beginning = pool.submit(writer.next_pass, "gate")
        assert broker.asked.wait(TIMEOUT_S)
        assert writer.append(make_frame(yard, 1))
        assert writer.flush(TIMEOUT_S)
        broker.answer.set()
        assert beginning.result(TIMEOUT_S).epoch > gate.epoch


def test_what_was_not_written_down_before_a_crash_is_read_from_the_partition(
    log: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log knows which pictures of a folder it has from its last note, and after that from the frames themselves."""

    def append(state: StreamState, *names: str) -> None:
        for seq, name in enumerate(names, state.next_seq):
            assert writer.append(replace(make_frame(state, seq), origin=name))
        assert writer.flush(TIMEOUT_S)

    with log.writer() as writer:
        append(writer.open_stream("gate", source="folder", finite=True), "a.jpg", "b.jpg")
    with monkeypatch.context() as crash, log.writer() as writer:
        crash.setattr(StreamStore, "move", lambda *_args: None)
        append(writer.open_stream("gate", source="folder", finite=True), "c.jpg", "d.jpg")
    with log.writer() as writer:
        assert writer.open_stream("gate", source="folder", finite=True).next_seq == 4
        assert writer.taken("gate") == {"a.jpg", "b.jpg", "c.jpg", "d.jpg"}


def test_a_writer_closed_meanwhile_opens_no_stream(log: KafkaLog, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor(1) as pool:
        with log.writer() as writer:
            broker = _SlowBroker(monkeypatch)
            opening = pool.submit(writer.open_stream, "gate", source="test:gate", finite=False)
            assert broker.asked.wait(TIMEOUT_S)
        broker.answer.set()
        with pytest.raises(ClosedError):
            opening.result(TIMEOUT_S)
    with log.writer() as successor:
        assert write(successor, "gate", 1).next_seq == 0


def test_a_topic_that_is_deleted_ends_its_own_streams(log: KafkaLog, kafka_cluster: Cluster) -> None:
    with log.writer() as writer:
        gate, yard = (write(writer, stream, 1) for stream in STREAMS)
        kafka_cluster.forget_topics(_topic(log, "gate"))
        with pytest.raises(LogNotFoundError, match=r"no topic .*\.cams\.gate: make it with"):
            _append_for_ever(writer, gate)
        with pytest.raises(LogNotFoundError):
            writer.next_pass("gate")
        assert writer.append(make_frame(yard, 1))
        assert writer.flush(3 * TIMEOUT_S)


def test_a_frame_that_the_client_refuses_is_not_waited_for(log: KafkaLog) -> None:
    with log.writer() as writer:
        gate = write(writer, "gate", 1)
        with pytest.raises(TypeError):
            writer.append(replace(make_frame(gate, 1), payload=bytearray(8)))  # type: ignore[arg-type]
        assert writer.flush(TIMEOUT_S)
        assert writer.append(make_frame(gate, 1))
        assert writer.flush(TIMEOUT_S)


class _TopicGoes:
    """A finite source whose topic is deleted while it is read."""

    uri, stream, rate, finite, count = "test:gate", "gate", 25.0, True, 2

    def __init__(self, log: KafkaLog, cluster: Cluster) -> None:
        self._log, self._cluster = log, cluster

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        yield Picture(payload=b"first", media_us=0)
        self._cluster.forget_topics(_topic(self._log, self.stream))
        yield Picture(payload=b"second", media_us=40_000)


def test_frames_that_a_deleted_topic_has_swallowed_are_no_success(log: KafkaLog, kafka_cluster: Cluster) -> None:
    summary = ingest(log, [_TopicGoes(log, kafka_cluster)], rate="max")
    gate = summary.streams["gate"]
    assert re.search(r"no topic .*\.cams\.gate", gate.error)
    assert not gate.finished
    assert gate.in_doubt > 0
