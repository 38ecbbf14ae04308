"""The audit judges repeats, order among writers and gaps without a stream by what the log promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from framehop.account import IngestAccount
from framehop.log import KafkaOptions, open_log
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.log.sqlite import connect, rows
from framehop.ops.audit import audit
from framehop.protocols import Delivery, OtherCallback, ProgressCallback
from framehop.types import (
    Event,
    EventRecord,
    FrameMeta,
    FramePointer,
    FrameRecord,
    Gap,
    LostPicture,
    Partition,
)
from tests.broker import Cluster
from tests.commands import framehop
from tests.frames import record_of
from tests.logs import make_event, marks_after, read, write

EPOCH = 7


class _Reader:
    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self.passed_over = 0

    def poll(self, max_events: int, timeout_s: float) -> list[EventRecord]:
        raise NotImplementedError

    def __iter__(self) -> Iterator[EventRecord]:
        return (
            EventRecord(event=event, raw=b"", offset=offset, appended_us=0) for offset, event in enumerate(self._events)
        )

    def close(self) -> None: ...
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...


class _Records:
    """Whatever somebody says a log holds."""

    def __init__(self, delivery: Delivery, frames: int) -> None:
        self.delivery: Delivery = delivery
        self.frames = [_meta(seq) for seq in range(frames)]
        self.written = [_event(meta) for meta in self.frames]
        self.removed: list[Gap] = []
        self.others: list[FramePointer] = []
        self.ends: dict[Partition, int] | None = None

    def events(self) -> _Reader:
        return _Reader(self.written)

    def scan_frames(self, on_other: OtherCallback | None = None) -> Iterator[FrameMeta]:
        if on_other is not None:
            for pointer in self.others:
                on_other(pointer)
        return iter(self.frames)

    def gaps(self) -> list[Gap]:
        return self.removed

    def end_offsets(self) -> dict[Partition, int]:
        ends = [meta.pointer.offset for meta in self.frames] + [gap.last_offset for gap in self.removed]
        return {Partition("t.frames", 1): max(ends, default=-1) + 1} if self.ends is None else self.ends

    def lost_pictures(self, on_progress: ProgressCallback | None = None) -> Iterator[LostPicture]:
        return iter(())

    def committed(self, group: str) -> dict[Partition, int]:
        return {}

    def lost_events(self) -> int:
        return 0

    def ingest_accounts(self) -> list[IngestAccount]:
        return []

    def known_streams(self) -> dict[str, Partition]:
        return {}

    def remove_frames(self, count: int) -> None:
        """Remove frames as Kafka's retention does: by offset, whatever their stream, while events stay."""
        del self.frames[:count]
        self.removed = [Gap(reason="retention", topic="t.frames", partition=1, first_offset=0, last_offset=count - 1)]


def _meta(seq: int, *, offset: int | None = None) -> FrameMeta:
    return record_of(seq, epoch=EPOCH, topic="t.frames", partition=1, offset=offset).meta


def _event(meta: FrameMeta, writer: str = "w1") -> Event:
    return make_event(FrameRecord(meta=meta, payload=None), writer=writer)


@pytest.fixture
def once() -> _Records:
    return _Records("exactly-once", 6)


@pytest.fixture
def often() -> _Records:
    return _Records("at-least-once", 6)


# ---- repeats


def test_a_repeated_event_is_counted_and_allowed_at_least_once(often: _Records) -> None:
    often.written += [_event(meta, "w2") for meta in often.frames[3:]]
    report = audit(often)
    assert report.ok
    assert (report.events, report.duplicates, report.outcomes) == (9, 3, {"detected": 6})
    assert report.findings == []


def test_a_repeated_event_is_wrong_exactly_once(once: _Records) -> None:
    once.written.append(_event(once.frames[3], "w2"))
    report = audit(once)
    assert (report.ok, report.duplicates) == (False, 1)
    assert report.findings == [f"duplicates: gate/{EPOCH}/3, a second event"]
    assert audit(once, delivery="at-least-once").ok


def test_a_repeated_frame_is_folded_the_same_way(once: _Records, often: _Records) -> None:
    for records in (once, often):
        records.frames.append(_meta(2, offset=6))
    assert [(audit(records).ok, audit(records).duplicates) for records in (once, often)] == [(False, 1), (True, 1)]


def test_the_first_event_of_an_id_is_the_one_that_counts(often: _Records) -> None:
    often.written.append(replace(_event(often.frames[2], "w2"), outcome="failed", reason="poison"))
    assert audit(often).outcomes == {"detected": 6}


# ---- order


def test_a_late_flush_of_another_writer_is_no_disorder(often: _Records) -> None:
    mine, late = often.written, _event(often.frames[1], "w0")
    often.written = [mine[0], *mine[2:], late]
    assert audit(often).ok


def test_a_late_flush_is_disorder_exactly_once(once: _Records) -> None:
    once.written = [once.written[0], *once.written[2:], _event(once.frames[1], "w0")]
    report = audit(once)
    assert (report.ok, report.out_of_order) == (False, 1)


def test_a_writer_that_is_out_of_order_with_itself_is_named(often: _Records) -> None:
    others = [_event(meta, "w2") for meta in often.frames[4:]]
    often.written = [often.written[1], others[0], often.written[0], *often.written[2:4], others[1]]
    report = audit(often)
    assert (report.ok, report.out_of_order) == (False, 1)
    assert report.findings == [f"out of order: gate/{EPOCH}/0, its event comes after that of seq 1"]


# ---- what is missing


def _spool_gap(first: int, last: int) -> Gap:
    return Gap(
        reason="spool-full",
        topic="t.frames",
        partition=1,
        first_offset=0,
        last_offset=-1,
        stream="gate",
        epoch=EPOCH,
        first_seq=first,
        last_seq=last,
    )


def test_what_a_spool_dropped_is_accounted_for_by_seq(often: _Records) -> None:
    often.frames = [_meta(seq, offset=offset) for offset, seq in enumerate([0, 1, 5])]
    often.written = [_event(meta) for meta in often.frames]
    assert audit(often).missing == 3
    often.removed = [_spool_gap(2, 4)]
    report = audit(often)
    assert (report.ok, report.missing, report.findings) == (True, 0, [])
    often.removed = [_spool_gap(2, 3), _spool_gap(3, 3)]
    assert audit(often).findings == [f"missing: gate/{EPOCH}/4, no frame and no gap"]


def test_what_a_spool_dropped_hides_no_event_of_a_frame_that_came(often: _Records) -> None:
    del often.written[3]
    often.removed = [_spool_gap(2, 4)]
    assert audit(often).findings == [f"missing: gate/{EPOCH}/3, no event yet"]


def test_a_gap_of_a_spool_and_one_of_retention_do_not_mix(often: _Records) -> None:
    often.frames = [_meta(seq, offset=offset) for offset, seq in enumerate([0, 1, 4, 5])]
    often.written = [_event(meta) for meta in often.frames]
    often.remove_frames(2)
    often.removed.append(_spool_gap(2, 3))
    assert audit(often).ok
    often.ends = {Partition("t.frames", 1): 6}
    assert audit(often).missing == 2, "two offsets were given out and hold nothing"


def test_a_deleted_event_is_missing_whatever_is_promised(often: _Records) -> None:
    del often.written[3]
    report = audit(often)
    assert (report.ok, report.missing) == (False, 1)


def test_events_of_frames_that_retention_took_are_known(often: _Records) -> None:
    often.remove_frames(3)
    report = audit(often)
    assert report.ok
    assert (report.frames, report.events, report.unknown) == (3, 6, 0)


def test_frames_that_retention_took_before_their_events_explain_the_beginning(often: _Records) -> None:
    often.remove_frames(3)
    del often.written[:2]
    assert audit(often).ok


def test_retention_explains_no_hole_behind_the_first_frame_left(often: _Records) -> None:
    often.remove_frames(2)
    del often.frames[1]
    del often.written[3]
    report = audit(often)
    assert (report.ok, report.missing) == (False, 1)
    assert report.findings == [f"missing: gate/{EPOCH}/3, no frame and no gap"]


def test_retention_of_another_partition_explains_nothing(often: _Records) -> None:
    often.remove_frames(3)
    del often.written[:2]
    often.removed = [replace(often.removed[0], partition=2)]
    report = audit(often)
    assert (report.missing, report.unknown) == (2, 1)


def test_a_gap_behind_an_epoch_does_not_explain_its_beginning(often: _Records) -> None:
    del often.frames[:2]
    del often.written[:2]
    often.removed = [Gap(reason="retention", topic="t.frames", partition=1, first_offset=10, last_offset=20)]
    often.ends = {Partition("t.frames", 1): 6}
    assert audit(often).missing == 2


def test_an_epoch_whose_frames_are_all_gone_is_whole_as_far_as_they_went(often: _Records) -> None:
    often.remove_frames(6)
    del often.written[2]
    assert audit(often).ok
    often.removed = [replace(often.removed[0], last_offset=3)]
    report = audit(often)
    assert (report.missing, report.unknown) == (0, 2)


def test_a_frame_that_went_while_the_audit_read_is_not_missing(often: _Records) -> None:
    del often.written[0]
    often.removed = [Gap(reason="retention", topic="t.frames", partition=1, first_offset=0, last_offset=0)]
    assert audit(often).ok


# ---- the command


def test_the_exit_status_follows_what_is_promised(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with open_log(path) as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "gate", 3)
        records = read(consumer, 3)
        consumer.commit([make_event(record) for record in records], marks_after(records))
    assert framehop("audit", "--log", path).status == 0
    db = connect(path / "index.db")
    columns = "stream, epoch, seq, lane, appended_us, json"
    rows(db, "DROP INDEX events_id")
    rows(db, f"INSERT INTO events({columns}) SELECT {columns} FROM events WHERE seq=1")
    done = framehop("audit", "--log", path)
    assert done.status == 1
    assert "NOT clean: 0 missing, 1 duplicates" in done.stdout
    relaxed = framehop("audit", "--log", path, "--delivery", "at-least-once")
    assert relaxed.status == 0
    assert "repeats have the id of the first: 0 missing, 1 duplicates" in relaxed.stdout
    rows(db, "DELETE FROM events WHERE seq=2")
    db.close()
    assert framehop("audit", "--log", path, "--delivery", "at-least-once").status == 1
    assert framehop("audit", "--log", path, "--lane", "shadow").status == 1


def test_kafka_repeats_and_retention(kafka_cluster: Cluster, tmp_path: Path) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    url = f"kafka://{kafka_cluster.bootstrap}/audit-{tmp_path.name}"
    options = KafkaOptions(membership="dynamic", commit_interval_s=0.0, state_dir=str(tmp_path / "state"))
    with KafkaLog(url, options=options) as log:
        log.create_topics(TopicPlan(partitions=2))
        with log.writer() as writer:
            write(writer, "gate", 5)
        for group in ("one", "two"):
            with log.consumer(group, member=group) as consumer:
                records = read(consumer, 5)
                events = [make_event(record, writer=group) for record in records]
                consumer.commit(events if group == "one" else events[2:], marks_after(records))
        place = records[0].meta.pointer
        admin = AdminClient(kafka_cluster.client())
        admin.delete_records([TopicPartition(place.topic, place.partition, 2)])[
            TopicPartition(place.topic, place.partition)
        ].result(30)
    report = json.loads((done := framehop("audit", "--log", url, "--json")).stdout)
    assert done.status == 0, report
    assert (report["frames"], report["events"], report["duplicates"]) == (3, 8, 3)
    assert (report["unknown"], report["missing"], len(report["gaps"])) == (0, 0, 1)
    assert framehop("audit", "--log", url, "--delivery", "exactly-once").status == 1
    config = tmp_path / "framehop.yaml"
    config.write_text(f"log: {{url: '{url}', kafka: {{delivery: exactly-once}}}}\n")
    assert framehop("audit", "--config", config).status == 1
