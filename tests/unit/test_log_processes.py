"""Several processes on one log: killed at exact places, stopped, and killed at random."""

from __future__ import annotations

import random
import signal
import time
import zlib
from pathlib import Path

import pytest

from framehop.errors import StreamBusyError
from framehop.log import EmbeddedLog, LogOptions
from framehop.ops.audit import audit
from framehop.protocols import FrameConsumer
from tests.log_process import LogProcess, Worker
from tests.logs import TIMEOUT_S, is_whole, make_event, marks_after, read, write
from tests.waiting import until

IMPATIENT = {"session_timeout_s": 0.5}
PATIENT = {"session_timeout_s": 20.0}


def _open(root: Path, **options: float) -> EmbeddedLog:
    return EmbeddedLog(root, options=LogOptions(**options))  # type: ignore[arg-type]


def _own_all(consumer: FrameConsumer, partitions: int) -> None:
    def owned() -> bool:
        consumer.poll(0, 0.01)
        return len(consumer.assignment) == partitions

    until(owned, "all partitions")


def _poll_in(child: LogProcess, count: int) -> None:
    found: list[str] = []

    def enough() -> bool:
        found.extend(child.call("poll", count - len(found)))
        return len(found) == count

    until(enough, f"{count} frames in the child")


def test_a_writer_killed_before_its_acknowledgements_leaves_each_key_once(tmp_path: Path) -> None:
    with LogProcess(tmp_path, **PATIENT) as child:
        epoch, _ = child.call("open_stream", "clip")
        child.call("append", 0, 5)
        child.call("arm", "ingest.appended", 1)
        child.dies_in("append", 5, 1)  # in the log, but its writer never learned it
    with LogProcess(tmp_path, **PATIENT) as child, _open(tmp_path) as log:
        assert child.call("open_stream", "clip") == [epoch, 6]
        assert child.call("append", 5, 3) == [True, False, False]
        assert [meta.key.seq for meta in log.scan_frames()] == list(range(8))


@pytest.mark.parametrize("point", ["event.produced", "offsets.stored"])
def test_a_commit_is_whole_or_not_at_all(tmp_path: Path, point: str) -> None:
    with _open(tmp_path, **PATIENT) as log:
        with log.writer() as writer:
            write(writer, "a", 6)
        with LogProcess(tmp_path, **PATIENT) as child:
            child.call("join", "killed")
            _poll_in(child, 4)
            child.call("arm", point, 1)
            child.dies_in("commit", "killed")
        assert list(log.events()) == []
        assert set(log.committed("g").values()) == {0}
        with log.consumer("g", member="successor") as consumer:
            records = read(consumer, 6)
            consumer.commit([make_event(record) for record in records], marks_after(records))
        report = audit(log)
        assert report.ok, report.findings
        assert (report.frames, report.events) == (6, 6)


def test_a_killed_members_partitions_are_free_without_a_time_out(tmp_path: Path) -> None:
    # The time-out is far beyond the test's deadline for the poll: only the freed locks can tell.
    with _open(tmp_path, session_timeout_s=80.0) as log, LogProcess(tmp_path, session_timeout_s=80.0) as child:
        child.call("join", "killed")
        until(lambda: child.call("poll", 0) == [] and len(child.call("held")) == 8, "all partitions in the child")
        child.kill()
        with log.consumer("g", member="successor") as consumer:
            _own_all(consumer, 8)


def test_a_stopped_member_writes_nothing_for_what_it_lost(tmp_path: Path) -> None:
    with _open(tmp_path, **IMPATIENT) as log, LogProcess(tmp_path, **IMPATIENT) as child:
        with log.writer() as writer:
            write(writer, "a", 10)
        child.call("join", "stopped")
        _poll_in(child, 10)
        child.send(signal.SIGSTOP)
        with log.consumer("g", member="successor") as consumer:
            _own_all(consumer, 8)
            records = read(consumer, 4)
            consumer.commit([make_event(record) for record in records], marks_after(records))
            child.send(signal.SIGCONT)
            result = child.call("commit", "stopped")
        assert result["lost"] == [records[0].meta.pointer.partition]
        assert result["duplicates"] == 0, "nothing of it came as far as the events"
        assert records[0].meta.pointer.partition not in result["held"]
        assert [(record.event.seq, record.event.writer) for record in log.events()] == [(n, "test") for n in range(4)]
        assert log.committed("g")[records[0].meta.pointer.topic_partition] == 4


def test_a_stopped_member_that_wakes_joins_again(tmp_path: Path) -> None:
    with _open(tmp_path, **IMPATIENT) as log, LogProcess(tmp_path, **IMPATIENT) as child:
        child.call("join", "stopped")
        until(lambda: child.call("poll", 0) == [] and len(child.call("held")) == 8, "all partitions in the child")
        child.send(signal.SIGSTOP)
        with log.consumer("g", member="other") as consumer:
            _own_all(consumer, 8)
            child.send(signal.SIGCONT)

            def shared() -> bool:
                child.call("poll", 0)
                consumer.poll(0, 0.01)
                return len(child.call("held")) == 4 == len(consumer.assignment)

            until(shared, "four partitions each")


def test_a_second_process_on_a_stream_is_told_who_has_it(tmp_path: Path) -> None:
    with LogProcess(tmp_path, **PATIENT) as child, _open(tmp_path) as log, log.writer() as writer:
        child.call("open_stream", "gate-1")
        with pytest.raises(StreamBusyError, match=f"process {child.pid} "):
            writer.open_stream("gate-1", source="test:", finite=True)
        child.kill()
        writer.open_stream("gate-1", source="test:", finite=True)


def test_random_kills_lose_double_and_reorder_nothing(tmp_path: Path) -> None:
    _storm(tmp_path, rounds=8, seed=random.SystemRandom().randrange(1 << 32))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_random_kills_lose_double_and_reorder_nothing(tmp_path: Path) -> None:
    _storm(tmp_path, rounds=200, seed=random.SystemRandom().randrange(1 << 32))


def _storm(root: Path, *, rounds: int, seed: int) -> None:
    """A writer and two members; each round kills one of them at a random instant of its work, or stops a member for a while."""
    print("seed", seed)
    dice = random.Random(seed)
    EmbeddedLog(root).close()
    writer_options = {"streams": [f"cam-{number}" for number in range(6)], "count": 1_000_000, **IMPATIENT}
    writer = Worker("write", root, **writer_options)
    members = [Worker("consume", root, **IMPATIENT) for _ in range(2)]
    told: list[str] = []
    try:
        for _ in range(rounds):
            victim = dice.choice(["writer", "member", "member", "stop"])
            _await_work(writer, members)
            time.sleep(dice.uniform(0.0, 0.05))  # a random instant within the work, not a wait for anything
            if victim == "writer":
                assert writer.running
                assert writer.end() == -signal.SIGKILL
                told += writer.lines
                writer = Worker("write", root, **writer_options)
            elif victim == "member":
                place = dice.randrange(2)
                assert members[place].end() == -signal.SIGKILL
                members[place] = Worker("consume", root, **IMPATIENT)
            else:
                _stop_past_the_session_timeout(dice.choice(members))
    finally:
        writer.end()
        told += writer.lines
        for member in members:
            member.end()
    _check_ledger(root, told)


def _await_work(writer: Worker, members: list[Worker]) -> None:
    """Wait until each of them has done more work, so that nobody is killed idle."""
    for worker in (writer, *members):
        done = len(worker.lines)
        until(lambda worker=worker, done=done: len(worker.lines) > done, "work by everyone")  # type: ignore[misc]


def _stop_past_the_session_timeout(member: Worker) -> None:
    member.send(signal.SIGSTOP)
    time.sleep(2 * IMPATIENT["session_timeout_s"])  # the fault itself
    member.send(signal.SIGCONT)


def _check_ledger(root: Path, told: list[str]) -> None:
    with _open(root, **PATIENT) as log:
        with log.consumer("g", member="last") as consumer:
            total = sum(log.end_offsets().values())

            def drained() -> bool:
                while found := consumer.poll(256, 0.05):
                    consumer.commit([make_event(record) for record in found], marks_after(found))
                return sum(log.committed("g").values()) == total

            until(drained, "the rest", timeout_s=2 * TIMEOUT_S)
        report = audit(log)
        assert report.ok, report.findings
        assert report.frames == report.events == total
        _check_acknowledged(log, told)


def _check_acknowledged(log: EmbeddedLog, told: list[str]) -> None:
    present = {}
    for meta in log.scan_frames():
        record = log.read_frame(meta.pointer)
        assert record is not None
        assert is_whole(record), meta
        assert record.payload is not None
        present[str(meta.key)] = zlib.crc32(record.payload)
    assert told
    for line in told:
        key, crc = line.split()
        assert present.get(key) == int(crc), f"acknowledged, but not in the log: {key}"
