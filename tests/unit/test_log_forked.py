"""A log in a child that its process has forked: the locks of SQLite and the threads of a client stay with the parent."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from framehop.errors import ProcessError
from framehop.log import EmbeddedLog, KafkaOptions, open_log
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.send_queue import SendQueue
from framehop.log.kafka.stream_store import StreamStore
from framehop.log.kafka.topics import TopicPlan
from framehop.log.sqlite import connect
from framehop.protocols import Ack, FrameLog
from framehop.testing.memory_log import MemoryLog
from tests.logs import make_frame, read, write
from tests.spools import FITS, MemoryBehind, all_acknowledged, check_log, give, opened

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


def test_a_file_that_was_open_at_the_fork_is_known_by_itself(tmp_path: Path) -> None:
    """Its path may have changed since, and another log may lie there."""
    with open_log(tmp_path / "log"):
        (tmp_path / "log").rename(tmp_path / "moved")
        open_log(tmp_path / "log").close()
        assert in_child(lambda: open_log(tmp_path / "moved")) == REFUSED
        assert in_child(lambda: open_log(tmp_path / "log").close()) == 0


def test_a_connection_that_another_thread_uses_at_the_fork_keeps_the_child_from_its_own_file_alone(
    tmp_path: Path,
) -> None:
    """The call in which it is at the fork never ends in the child, where SQLite would answer nothing about it."""
    with open_log(tmp_path / "log"), busy(connect(tmp_path / "log" / "index.db")):
        assert in_child(lambda: open_log(tmp_path / "log")) == REFUSED
        assert in_child(lambda: open_log(tmp_path / "other").close()) == 0


def test_a_child_may_close_its_copy_of_the_programs_own_database(tmp_path: Path) -> None:
    own = apsw.Connection(str(tmp_path / "own.db"))

    def close_and_open() -> None:
        own.close()
        open_log(tmp_path / "log").close()

    assert in_child(close_and_open) == 0
    own.close()


def test_what_is_known_of_streams_in_kafka_is_not_opened_anew(tmp_path: Path) -> None:
    store = StreamStore(tmp_path, "frames")
    assert in_child(lambda: StreamStore(tmp_path, "frames")) == REFUSED
    store.close()
    assert in_child(lambda: StreamStore(tmp_path, "frames").close()) == 0


def test_a_child_leaves_the_spool_to_its_parent(tmp_path: Path) -> None:
    with MemoryLog() as log:
        behind = MemoryBehind(log)
        with behind.writer(tmp_path / "spool") as writer:
            state = opened(writer)
            behind.leave()
            assert in_child(lambda: writer.append(make_frame(state, 0))) == REFUSED
            assert in_child(writer.close) == 0
            acks: list[Ack] = []
            give(writer, state, range(3 * FITS), acks)
            all_acknowledged(acks, 3 * FITS)
            behind.come_back()
            assert writer.flush(LONG_S)
        check_log(log, state, list(range(3 * FITS)))


@pytest.mark.parametrize("name", ["log", "writer", "consumer", "kafka"])
def test_a_lock_that_another_thread_holds_at_the_fork_holds_up_no_child(tmp_path: Path, name: str) -> None:
    """Nobody is there to release it."""
    with EmbeddedLog(tmp_path) as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        queue = SendQueue(1)
        locks = {"log": log._lock, "writer": writer._lock, "consumer": consumer._commit_lock, "kafka": queue.lock}
        uses: dict[str, list[Callable[[], object]]] = {
            "log": [log.gaps, log.ingest_accounts],
            "writer": [lambda: writer.flush(LONG_S), lambda: write(writer, "cam", 1)],
            "consumer": [consumer.positions, lambda: consumer.commit([], {})],
            "kafka": [queue.lock.__enter__],
        }
        with locks[name]:
            assert [in_child(use) for use in uses[name]] == [REFUSED] * len(uses[name])


@contextlib.contextmanager
def busy(db: apsw.Connection) -> Iterator[None]:
    """Keep a thread in a call of SQLite for as long as the block runs."""
    inside, over = threading.Event(), threading.Event()

    def wait(*_args: object) -> int:
        inside.set()
        return int(over.wait(LONG_S))

    db.create_scalar_function("wait", wait)
    thread = threading.Thread(target=lambda: db.execute("SELECT wait()").fetchall())
    thread.start()
    try:
        assert inside.wait(LONG_S)
        yield
    finally:
        over.set()
        thread.join()
        db.close()
