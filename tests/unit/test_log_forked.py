"""A log in a child that its process has forked: the locks of SQLite and the threads of a client stay with the parent."""

from __future__ import annotations

import contextlib
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from framehop.errors import ProcessError
from framehop.log import EmbeddedLog, KafkaOptions, open_log
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.protocols import FrameLog
from tests.logs import make_frame, read, write

LONG_S = 60
REFUSED = 7


def in_child(call: Callable[[], object]) -> int:
    """Return how a forked child ends that makes the call."""
    child = os.fork()
    if child == 0:
        signal.alarm(LONG_S)  # ends it where it waits
        with contextlib.suppress(BaseException):
            try:
                call()
            except ProcessError:
                os._exit(REFUSED)
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def log(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FrameLog]:
    if request.param == "embedded":
        with EmbeddedLog(tmp_path) as embedded:
            yield embedded
        return
    cluster, prefix = request.getfixturevalue("kafka_cluster"), f"forked-{uuid.uuid4().hex[:12]}"
    with KafkaLog(
        f"kafka://{cluster.bootstrap}/{prefix}", options=KafkaOptions(state_dir=str(tmp_path / "state"))
    ) as kafka:
        kafka.create_topics(TopicPlan(partitions=1))
        yield kafka
    cluster.forget_topics(prefix)


def test_what_a_log_has_opened_is_refused_to_a_child(log: FrameLog) -> None:
    with log.writer() as writer, log.events(group="g") as reader, log.consumer("g", member="m") as consumer:
        state = write(writer, "cam", 1)
        for use in (
            log.end_offsets,
            log.events,
            log.writer,
            lambda: writer.append(make_frame(state, 1)),
            lambda: writer.flush(LONG_S),
            lambda: reader.poll(1, LONG_S),
            lambda: consumer.poll(1, LONG_S),
        ):
            assert in_child(use) == REFUSED
        assert in_child(lambda: [each.close() for each in (consumer, reader, writer, log)]) == 0
        assert writer.append(make_frame(state, 1))
        assert writer.flush(LONG_S)
        assert [record.meta.key.seq for record in read(consumer, 2)] == [0, 1]


def test_a_log_that_was_open_at_the_fork_is_not_opened_anew(tmp_path: Path) -> None:
    """The child's connection would hold no lock, and who outlives the parent would damage the index with it."""
    with open_log(tmp_path / "log"):
        assert in_child(lambda: open_log(tmp_path / "log" / ".." / "log")) == REFUSED
        assert in_child(lambda: open_log(tmp_path / "other").close()) == 0
    assert in_child(lambda: open_log(tmp_path / "log").close()) == 0
