"""Partitions of a group: the moments between looking and taking."""

from __future__ import annotations

import shutil
import threading
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from framehop.errors import LogError
from framehop.log import EmbeddedLog, LogOptions
from framehop.log.embedded.consumer import EmbeddedConsumer
from framehop.log.embedded.membership import Roll
from framehop.log.sqlite import connect, rows
from framehop.types import Partition
from tests.logs import make_event, marks_after, partitions, read, settle, write
from tests.waiting import until

PATIENT = LogOptions(session_timeout_s=20.0)


def _owners(root: Path) -> list[tuple[int, int, str | None]]:
    db = connect(root / "index.db")
    found = rows(db, "SELECT partition, generation, instance FROM owners ORDER BY partition")
    db.close()
    return found


def test_who_joins_between_look_and_take_is_not_robbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[EmbeddedConsumer] = []
    real = Roll.look

    def look(roll: Roll, db: apsw.Connection) -> tuple[frozenset[str], frozenset[str]]:
        seen = real(roll, db)
        if not late:
            late.append(log.consumer("g", member="late"))
            late[0].poll(0, 0.0)
        return seen

    with EmbeddedLog(tmp_path, options=PATIENT) as log:
        first = log.consumer("g", member="first")
        monkeypatch.setattr(Roll, "look", look)
        first.poll(0, 0.0)
        mine = late[0].assignment
        assert len(mine) == 4
        assert late[0].commit([], dict.fromkeys(mine, 0)).lost == frozenset()
        assert first.assignment == partitions(range(8)) - mine


def test_a_member_whose_thread_cannot_be_started_has_no_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with EmbeddedLog(tmp_path, options=PATIENT) as log:
        with monkeypatch.context() as short:
            short.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="new thread"):
                log.consumer("g", member="lost")
        with log.consumer("g", member="m") as consumer:
            settle([consumer], 8)


def test_a_taking_over_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    with EmbeddedLog(tmp_path) as log, closing(connect(tmp_path / "index.db")) as db:
        rows(db, "CREATE TRIGGER refuse BEFORE UPDATE ON owners BEGIN SELECT RAISE(ABORT, 'refused'); END")
        with log.consumer("g", member="m") as consumer:
            with pytest.raises(LogError, match="refused"):
                consumer.poll(0, 0.0)
            rows(db, "DROP TRIGGER refuse")
            settle([consumer], 8)


def test_every_taking_over_raises_the_generation(tmp_path: Path) -> None:
    with EmbeddedLog(tmp_path, options=PATIENT) as log:
        for generation in (1, 2, 3):
            with log.consumer("g", member="m") as consumer:
                settle([consumer], 8)
                assert {(owner[1], owner[2] is None) for owner in _owners(tmp_path)} == {(generation, False)}
                assert len(list((tmp_path / "locks").glob("p*"))) == 8
        assert {(owner[1], owner[2]) for owner in _owners(tmp_path)} == {(3, None)}
        assert list((tmp_path / "locks").glob("p*")) == []


def test_a_raised_generation_refuses_the_commit_and_the_partition_goes(tmp_path: Path) -> None:
    with EmbeddedLog(tmp_path, options=PATIENT) as log:
        with log.writer() as writer:
            write(writer, "a", 3)
        revoked: list[frozenset[Partition]] = []
        with log.consumer("g", member="m", on_revoke=revoked.append) as consumer:
            records = read(consumer, 3)
            partition = records[0].meta.pointer.topic_partition
            _rob(tmp_path, partition.number)
            result = consumer.commit(
                [make_event(record) for record in records], marks_after(records) | {Partition(partition.topic, 7): 0}
            )
            assert result.lost == {partition}
            assert partition not in consumer.assignment
            assert list(log.events()) == []
            assert revoked == [], "too late to finish anything"


def test_a_loss_is_noticed_by_polling_too(tmp_path: Path) -> None:
    with (
        EmbeddedLog(tmp_path, options=LogOptions(session_timeout_s=1.0)) as log,
        log.consumer("g", member="m") as consumer,
    ):
        settle([consumer], 8)
        _rob(tmp_path, 3)
        # Nobody holds it really, so it comes back, under a generation of its own.
        until(lambda: consumer.poll(0, 0.01) == [] and _owners(tmp_path)[3][1] == 3, "the partition back")
        assert consumer.assignment == partitions(range(8))


@pytest.mark.parametrize("made_anew", [False, True])
def test_a_log_that_was_removed_under_its_readers_is_an_error(tmp_path: Path, made_anew: bool) -> None:
    """They would read the old index for ever, whoever writes into a new one of the same name."""
    root = tmp_path / "log"
    with EmbeddedLog(root, options=LogOptions(session_timeout_s=0.2)) as log, log.consumer("g", member="m") as consumer:
        settle([consumer], 8)
        shutil.rmtree(root.rename(tmp_path / "removed"))  # the flusher could make a file in it meanwhile
        if made_anew:
            EmbeddedLog(root).close()

        def told() -> bool:
            try:
                consumer.poll(1, 0.05)
            except LogError as error:
                return f"{root} was removed while it was in use" in str(error)
            return False

        until(told, "the error")


def _rob(root: Path, partition: int) -> None:
    """Take a partition over as a member does that then dies at once."""
    db = connect(root / "index.db")
    rows(db, "UPDATE owners SET generation=generation+1, instance='robber' WHERE partition=?", (partition,))
    db.close()


def test_the_same_names_in_two_groups_do_not_meet(tmp_path: Path) -> None:
    with EmbeddedLog(tmp_path, options=PATIENT) as log:
        consumers = [log.consumer(group, member="m") for group in ("g", "h")]
        for consumer in consumers:
            settle([consumer], 8)
        assert [_held(log, consumer) for consumer in consumers] == [8, 8]


def _held(log: EmbeddedLog, consumer: EmbeddedConsumer) -> int:
    return log.partitions - len(consumer.commit([], dict.fromkeys(log.end_offsets(), 0)).lost)
