"""framehop deadletter list, show, requeue."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from framehop.log import KafkaOptions, open_log
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.ops.requeue import requeue
from framehop.testing.memory_log import MemoryLog
from framehop.types import Frame, FrameKey
from tests.broker import Cluster
from tests.commands import framehop
from tests.logs import TIMEOUT_S, make_event, marks_after, payload_of, read, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log in which frame 1 of three failed."""
    path = tmp_path / "log"
    with open_log(path) as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "gate", 3)
        records = read(consumer, 3)
        events = [make_event(record) for record in records]
        events[1] = replace(events[1], outcome="failed", reason="corrupt_picture")
        consumer.commit(events, marks_after(records))
    return path


def _letter(path: Path) -> dict[str, object]:
    (line,) = framehop("deadletter", "list", "--log", path, "--json").stdout.splitlines()
    letter: dict[str, object] = json.loads(line)
    return letter


def test_list_has_a_line_for_each(path: Path) -> None:
    letter = _letter(path)
    assert (letter["reason"], letter["attempts"]) == ("corrupt_picture", 1)
    done = framehop("deadletter", "list", "--log", path)
    assert (done.stdout, done.stderr) == (f"{letter['id']}  corrupt_picture\n", "1 dead letter\n")
    assert framehop("deadletter", "list", "--log", path, "--lane", "shadow").stdout == ""


def test_show_saves_the_picture(path: Path, tmp_path: Path) -> None:
    identity = str(_letter(path)["id"])
    file = tmp_path / "picture.jpg"
    done = framehop("deadletter", "show", identity, "--log", path, "--save", file, "--json")
    assert done.status == 0
    assert json.loads(done.stdout) == _letter(path)
    stream, epoch, seq, _lane = identity.split("/")
    assert file.read_bytes() == payload_of(FrameKey(stream, int(epoch), int(seq)))
    shown = framehop("deadletter", "show", identity, "--log", path).stdout
    assert "corrupt_picture" in shown


def test_requeue_appends_it_and_the_old_event_stays(path: Path) -> None:
    letter = _letter(path)
    done = framehop("deadletter", "requeue", str(letter["id"]), "--log", path, "--json")
    assert done.status == 0, done.stderr
    (key,) = json.loads(done.stdout)["requeued"].values()
    with open_log(path) as log:
        assert [str(meta.key) for meta in log.scan_frames()].count(key) == 1
    assert _letter(path) == letter
    assert framehop("deadletter", "requeue", "--all", "--log", path).status == 0


def test_all_of_none_is_said(tmp_path: Path) -> None:
    with open_log(tmp_path / "sound"):
        pass
    done = framehop("deadletter", "requeue", "--all", "--log", str(tmp_path / "sound"))
    assert (done.status, done.stderr) == (0, "0 dead letters: there is nothing to append\n")


def test_what_is_asked_wrongly_is_said(path: Path) -> None:
    for args in ([], ["gate/1/1/main", "--all"]):
        done = framehop("deadletter", "requeue", *args, "--log", path)
        assert done.status == 1
        assert "or --all" in done.stderr
    for command in ("show", "requeue"):
        done = framehop("deadletter", command, "gate/1/1/main", "--log", path)
        assert done.status == 1
        assert "has no dead letter gate/1/1/main" in done.stderr


def test_a_stream_that_is_being_written_is_said(path: Path) -> None:
    with open_log(path) as log, log.writer() as writer:
        writer.open_stream("gate", source="test:", finite=False)
        done = framehop("deadletter", "requeue", "--all", "--log", path)
    assert done.status == 1
    assert "stream gate is being written" in done.stderr


@pytest.mark.parametrize("fault", ["removed", "lost", "not a key frame"])
def test_what_cannot_be_detected_again_is_an_error_of_its_own(fault: str) -> None:
    with MemoryLog() as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        state = writer.open_stream("gate", source="test:", finite=False)
        key = FrameKey("gate", state.epoch, 0)
        writer.append(Frame(key=key, payload=b"x", captured_us=0, received_us=0, keyframe=fault != "not a key frame"))
        assert writer.flush(TIMEOUT_S)
        (record,) = read(consumer, 1)
        consumer.commit([replace(make_event(record), outcome="failed", reason="poison")], marks_after([record]))
        letters = list(log.dead_letters())
        if fault == "lost":
            log.faults.lose_payload(record.meta.pointer)
        if fault == "removed":
            log.faults.drop_before(record.meta.pointer.partition, 1)
        summary = requeue(log, letters)
    assert summary.requeued == {}
    (why,) = summary.errors.values()
    assert {"removed": "retention", "lost": "no picture", "not a key frame": "key frame"}[fault] in why


def test_a_record_that_is_no_frame_is_a_letter_without_event(kafka_cluster: Cluster, tmp_path: Path) -> None:
    from confluent_kafka import Producer

    url = f"kafka://{kafka_cluster.bootstrap}/letters-{tmp_path.name}"
    options = KafkaOptions(membership="dynamic", commit_interval_s=0.0, state_dir=str(tmp_path / "state"))
    with KafkaLog(url, options=options) as log:
        log.create_topics(TopicPlan(partitions=1))
        topic = log.describe_topics()[0].name
        producer = Producer(kafka_cluster.client())
        producer.produce(topic, value=b"hello", partition=0)
        assert producer.flush(TIMEOUT_S) == 0
        with log.writer() as writer, log.consumer("g", member="m") as consumer:
            write(writer, "gate", 1)
            records = read(consumer, 1)
            consumer.commit([make_event(record) for record in records], marks_after(records))
    letter = json.loads(framehop("deadletter", "list", "--log", url, "--json").stdout)
    assert (letter["id"], letter["event"]) == (f"{topic}/0/0", None)
    assert letter["reason"].startswith("not_a_frame")
    assert framehop("deadletter", "list", "--log", url, "--lane", "main").stdout == ""
    done = framehop("deadletter", "requeue", "--all", "--log", url)
    assert done.status == 1
    assert "it was not a frame" in done.stderr
