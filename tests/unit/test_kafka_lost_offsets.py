"""A group whose offsets the broker has no more: its events tell how far it had come."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from framehop.log import KafkaOptions
from framehop.log.kafka import lost_offsets
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.log.kafka.wire import event_record
from framehop.types import Event, FrameRecord
from tests.broker import Cluster
from tests.logs import TIMEOUT_S, make_event, marks_after, read, write
from tests.waiting import until

pytestmark = pytest.mark.kafka

GROUP = "detect-main"


class Place:
    """A log with one partition, whose group reads, writes events and loses its offsets."""

    def __init__(self, cluster: Cluster, path: Path) -> None:
        self.cluster = cluster
        self.prefix = f"lost-{uuid.uuid4().hex[:12]}"
        options = KafkaOptions(membership="dynamic", commit_interval_s=0.0, state_dir=str(path / "state"))
        self.log = KafkaLog(f"kafka://{cluster.bootstrap}/{self.prefix}", options=options)
        self.make()

    def make(self) -> None:
        self.log.create_topics(TopicPlan(partitions=1))

    def write(self, stream: str, count: int) -> None:
        with self.log.writer() as writer:
            write(writer, stream, count)

    def work(self, count: int, *, lane: str = "main") -> list[FrameRecord]:
        """A worker that reads `count` frames and is through with them."""
        with self.log.consumer(f"detect-{lane}", member="m") as consumer:
            records = read(consumer, count)
            consumer.commit([make_event(record, lane=lane) for record in records], marks_after(records))
        return records

    def next(self, count: int = 1) -> list[int]:
        """The offsets that a worker gets now."""
        with self.log.consumer(GROUP, member="m") as consumer:
            return [record.meta.pointer.offset for record in read(consumer, count)]

    def frames(self) -> list[Event]:
        """The event of each frame there is."""
        return [make_event(FrameRecord(meta=meta, payload=None)) for meta in self.log.scan_frames()]

    def say(self, events: Sequence[Event]) -> None:
        """Write events, as a worker did whose offsets are gone."""
        producer = Producer(self.cluster.client())
        for event in events:
            value, headers = event_record(event)
            producer.produce(f"{self.prefix}.detections", value, key=event.stream, partition=0, headers=headers)
        assert producer.flush(TIMEOUT_S) == 0

    def say_something_else(self) -> None:
        producer = Producer(self.cluster.client())
        producer.produce(f"{self.prefix}.frames", b"not a frame", partition=0)
        assert producer.flush(TIMEOUT_S) == 0

    def forget(self) -> None:
        self.log.forget_group(GROUP)

    def delete_frames(self) -> None:
        admin = AdminClient(self.cluster.client())
        admin.delete_topics([f"{self.prefix}.frames"])[f"{self.prefix}.frames"].result(TIMEOUT_S)
        made = f"{self.prefix}.frames"
        until(lambda: self.log.create_topics(TopicPlan(partitions=1))[made], "the name is free")


@pytest.fixture
def place(kafka_cluster: Cluster, tmp_path: Path) -> Iterator[Place]:
    kafka_cluster.revive()
    found = Place(kafka_cluster, tmp_path)
    with found.log:
        yield found
    kafka_cluster.forget_topics(found.prefix)


def test_it_goes_on_behind_its_events_and_says_so(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.write("gate", 5)
    place.work(3)
    place.forget()
    with caplog.at_level(logging.WARNING):
        assert place.next(2) == [3, 4]
    assert "no offset of this group" in caplog.text
    assert "had come to 3" in caplog.text
    assert set(place.log.committed(GROUP).values()) == {3}, "the broker is told at once"


def test_it_goes_on_at_the_first_frame_without_an_event(place: Place) -> None:
    """Events of one stream leave ahead of another's with at-least-once."""
    place.write("gate", 6)
    events = place.frames()
    place.say([events[n] for n in (0, 1, 4, 3)])
    assert place.next(4) == [2, 3, 4, 5]


def test_a_record_that_is_no_frame_is_no_hole(place: Place) -> None:
    place.write("gate", 2)
    place.say_something_else()
    place.write("yard", 3)
    place.say(place.frames()[:4])
    assert place.next() == [5]


def test_events_of_another_lane_count_for_nothing(place: Place) -> None:
    place.write("gate", 3)
    place.work(3, lane="other")
    assert place.next(3) == [0, 1, 2]


def test_it_looks_behind_what_other_lanes_have_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_offsets, "WINDOW", 2)
    place.write("gate", 4)
    place.work(2)
    place.work(4, lane="other")
    place.forget()
    assert place.next(2) == [2, 3]


def test_events_of_a_topic_that_was_made_anew_count_for_nothing(place: Place) -> None:
    place.write("gate", 3)
    place.work(3)
    place.delete_frames()
    place.forget()
    place.write("yard", 5)
    assert place.next(5) == [0, 1, 2, 3, 4]


def test_events_of_before_the_topic_was_made_anew_fill_no_hole(place: Place) -> None:
    place.write("gate", 8)
    old = place.frames()
    place.delete_frames()
    place.write("yard", 5)
    new = place.frames()
    place.say([*old[4:], *new[:2]])  # those before have been removed
    assert place.next(3) == [2, 3, 4]
    place.forget()
    place.say([replace_offset(old[0]), new[0], new[2]])
    assert place.next(2) == [1, 2]


def replace_offset(event: Event) -> Event:
    return replace(event, frame=replace(event.frame, offset=0))


def test_what_is_new_begins_where_it_was_told_to(place: Place) -> None:
    place.write("gate", 3)
    with place.log.consumer(GROUP, member="m", start="latest") as consumer:
        until(lambda: consumer.poll(0, 0.05) == [] and consumer.assignment, "an assignment")
        place.write("yard", 1)
        assert [record.meta.pointer.offset for record in read(consumer, 1)] == [3]
