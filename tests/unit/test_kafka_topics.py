"""Frames in several topics: where they go, how topics that come and go are heard of, and what is remembered."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest
import yaml
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from framehop.errors import ConfigError, LogError, LogNotFoundError
from framehop.log import KafkaOptions
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.stream_store import StoredStream, StreamStore
from framehop.log.kafka.topics import TopicPlan
from framehop.ops.audit import audit
from framehop.ops.requeue import requeue
from framehop.partitioning import partition_of
from framehop.protocols import Delivery, FrameConsumer
from framehop.types import FramePointer, FrameRecord, Gap, Partition
from tests.broker import Cluster
from tests.commands import framehop
from tests.logs import TIMEOUT_S, make_event, make_frame, marks_after, read, settle, write
from tests.waiting import until

pytestmark = pytest.mark.kafka

SITES = ("east", "west")

# Of ingest.db, when frames had one topic.
BEFORE = """
CREATE TABLE streams(
    stream TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    source TEXT NOT NULL,
    pass_index INTEGER NOT NULL,
    finished_us INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    "offset" INTEGER NOT NULL
) STRICT
"""


@dataclass(slots=True)
class Sites:
    """One log with a topic per site, opened at each of them."""

    cluster: Cluster
    path: Path
    template: str = "{site}"
    prefix: str = field(default_factory=lambda: f"sites-{uuid.uuid4().hex[:12]}")
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        return f"kafka://{self.cluster.bootstrap}/{self.prefix}"

    def options(self, site: str = "", **more: object) -> KafkaOptions:
        return KafkaOptions(
            membership="dynamic",
            commit_interval_s=0.0,
            state_dir=str(self.path / "state"),
            frames_topic=f"cams-{self.prefix}.{self.template}",
            labels={"site": site} if site else {},
            **more,  # type: ignore[arg-type]
        )

    def at(self, site: str = "", **more: object) -> KafkaLog:
        return self.stack.enter_context(KafkaLog(self.url, options=self.options(site, **more)))

    def topic(self, value: str) -> str:
        """Return the topic's name with its one placeholder filled."""
        return f"cams-{self.prefix}." + re.sub(r"\{.*\}", value, self.template)

    def make(self, *sites: str, partitions: int = 2, max_bytes: int = 1_000_000) -> dict[str, bool]:
        plan = TopicPlan(partitions=partitions, max_bytes=max_bytes)
        return self.at().create_topics(plan, frames=[self.topic(site) for site in sites])

    def delete(self, site: str) -> None:
        admin = AdminClient(self.cluster.client())
        admin.delete_topics([self.topic(site)])[self.topic(site)].result(TIMEOUT_S)

    def write(self, site: str, stream: str, count: int = 3) -> None:
        with self.at(site) as log, log.writer() as writer:
            write(writer, stream, count)

    def config(self, site: str = "") -> Path:
        path = self.path / f"{site}.yaml"
        labels = {"site": site} if site else {}
        kafka = {"frames_topic": f"cams-{self.prefix}.{self.template}", "labels": labels, "state_dir": "state"}
        path.write_text(yaml.safe_dump({"log": {"url": self.url, "kafka": kafka}}))
        return path


@pytest.fixture
def sites(kafka_cluster: Cluster, tmp_path: Path) -> Iterator[Sites]:
    found = Sites(kafka_cluster, tmp_path)
    with found.stack:
        yield found


def streams(records: list[FrameRecord]) -> set[tuple[str, str]]:
    """Topic and stream of each."""
    return {(record.meta.pointer.topic, record.meta.key.stream) for record in records}


def commit(consumer: FrameConsumer, records: list[FrameRecord]) -> None:
    assert not consumer.commit([make_event(record) for record in records], marks_after(records)).lost


def test_a_group_reads_every_topic_that_fits(sites: Sites) -> None:
    sites.make(*SITES)
    for site in SITES:
        sites.write(site, "gate")  # ids of streams need not differ: epochs do
        sites.write(site, f"{site}-yard")
    log = sites.at()
    assert (log.partitions, set(log.end_offsets())) == (
        4,
        {Partition(sites.topic(s), n) for s in SITES for n in (0, 1)},
    )
    with log.consumer("g", member="m") as consumer:
        records = read(consumer, 12)
        commit(consumer, records)
    assert streams(records) == {(sites.topic(s), name) for s in SITES for name in ("gate", f"{s}-yard")}
    assert {r.meta.pointer.partition for r in records if r.meta.key.stream == "gate"} == {partition_of("gate", 2)}
    assert {partition: offset for partition, offset in log.committed("g").items() if offset} == {
        partition: end for partition, end in log.end_offsets().items() if end
    }
    with log.events() as reader:
        assert {each.event.frame for each in reader} == {record.meta.pointer for record in records}
    assert {(lag.topic, lag.partition, lag.messages) for lag in log.lag("g")} == {
        (*partition, 0) for partition in log.end_offsets()
    }
    assert sum(lag.messages for lag in log.lag("other")) == 12
    report = audit(log)
    assert (report.ok, report.frames, report.duplicates) == (True, 12, 0)


def test_a_frame_is_read_from_its_own_topic(sites: Sites) -> None:
    sites.make(*SITES)
    for site in SITES:
        sites.write(site, site)
    log = sites.at()
    metas = list(log.scan_frames())
    assert [meta.pointer.topic for meta in metas] == [sites.topic(site) for site in SITES for _ in range(3)]
    for meta in metas:
        record = log.read_frame(meta.pointer)
        assert record is not None
        assert record.meta == meta
    for topic in (sites.topic("north"), f"{sites.prefix}.detections", f"{sites.prefix}.frames"):
        assert log.read_frame(FramePointer(topic=topic, partition=0, offset=0)) is None


def test_members_share_the_partitions_of_all_topics(sites: Sites) -> None:
    sites.make(*SITES, partitions=2)
    log = sites.at()
    with log.consumer("g", member="a") as a, log.consumer("g", member="b") as b:
        settle([a, b], 4)


@pytest.mark.parametrize("client", [{}, {"group.protocol": "consumer"}], ids=["classic", "consumer"])
def test_who_is_early_waits_and_says_so(sites: Sites, client: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """A topic made after the consumer began to wait is read whole, even with `latest`."""
    sites.make()
    log = sites.at(client=client)
    with caplog.at_level(logging.WARNING), log.consumer("g", member="m", start="latest") as consumer:
        assert f"no topic fits cams-{sites.prefix}.{{site}} yet; waiting for one" in caplog.text
        assert (log.end_offsets(), log.lag("g"), log.gaps(), list(log.scan_frames())) == ({}, [], [], [])
        sites.make("east")
        sites.write("east", "gate")
        records = read(consumer, 3)
        commit(consumer, records)
        sites.make("west")
        sites.write("west", "gate")
        assert streams(read(consumer, 3)) == {(sites.topic("west"), "gate")}
    assert audit(log).frames == 6


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_a_topic_that_goes_takes_nothing_else_along(sites: Sites, delivery: Delivery) -> None:
    sites.make(*SITES)
    for site in SITES:
        sites.write(site, site)
    log = sites.at(delivery=delivery)
    with log.consumer("g", member="m") as consumer:
        records = read(consumer, 6)
        sites.delete("west")
        gone = [record for record in records if record.meta.pointer.topic == sites.topic("west")]
        left = [record for record in records if record not in gone]
        consumer.commit([make_event(record) for record in left], marks_after(left))
        until(
            lambda: (
                consumer.poll(0, 0.05) == []
                and {partition.topic for partition in consumer.assignment} == {sites.topic("east")}
            ),
            "the group without it",
        )
        lost = {record.meta.pointer.topic_partition for record in gone}
        assert consumer.commit([make_event(record) for record in gone], marks_after(gone)).lost == lost
        sites.write("east", "late")
        commit(consumer, read(consumer, 3))
        sites.make("west")  # and comes again
        sites.write("west", "again")
        records = read(consumer, 3)
        assert streams(records) == {(sites.topic("west"), "again")}
        commit(consumer, records)
    assert {partition: offset for partition, offset in log.committed("g").items() if offset} == {
        partition: end for partition, end in log.end_offsets().items() if end
    }
    assert audit(log).ok


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_a_topic_made_anew_at_once_is_read(sites: Sites, delivery: Delivery) -> None:
    """The topic is made anew before its readers hear that the old one has gone, so they stand behind the new one's end."""
    sites.make("east", partitions=1)
    sites.write("east", "before", 8)
    log = sites.at(delivery=delivery)
    with log.consumer("g", member="m") as consumer:
        records = read(consumer, 8)
        commit(consumer, records[:6])
        sites.delete("east")
        until(lambda: sites.make("east", partitions=1)[sites.topic("east")], "the name is free")
        sites.write("east", "after", 2)
        with pytest.raises(LogError, match=r"ends at offset [0-2], and was read up to 8: .* the worker starts anew"):
            read(consumer, 1)
    with log.consumer("g", member="m") as consumer:
        anew = read(consumer, 2)
        assert streams(anew) == {(sites.topic("east"), "after")}
        commit(consumer, anew)
    assert log.committed("g") == {Partition(sites.topic("east"), 0): 2} == log.end_offsets()
    with log.events() as reader:
        assert [each.event.stream for each in reader] == ["before"] * 6 + ["after"] * 2


def test_a_group_that_stands_behind_the_end_begins_anew(sites: Sites, caplog: pytest.LogCaptureFixture) -> None:
    """The group is not told that a topic was made anew or that a disk was lost."""
    sites.make("east", partitions=1)
    sites.write("east", "gate", 3)
    log = sites.at()
    partition = TopicPartition(sites.topic("east"), 0, 50)
    moved = ConsumerGroupTopicPartitions(f"{sites.prefix}.g", [partition])
    admin = AdminClient(sites.cluster.client())

    def is_moved() -> bool:
        [told] = admin.alter_consumer_group_offsets([moved]).values()
        return [partition.error for partition in told.result(TIMEOUT_S).topic_partitions] == [None]

    until(is_moved, "the group has its coordinator, which knows better")
    with log.consumer("g", member="m") as consumer:
        records = read(consumer, 3)
        assert [record.meta.key.seq for record in records] == [0, 1, 2]
        commit(consumer, records)
    assert log.committed("g") == {Partition(sites.topic("east"), 0): 3}
    assert "ends at offset 3, and was read up to 50" in caplog.text


def test_every_topic_has_its_own_limit(sites: Sites) -> None:
    sites.template = "{stream}"
    sites.make("small", max_bytes=50_000)
    sites.make("large", max_bytes=2_000_000)
    log = sites.at()
    with log.writer() as writer:
        for stream in ("small", "large"):
            state = writer.open_stream(stream, source="test:", finite=False)
            for seq in range(30):  # many of them at once: a batch must not be larger than the topic takes, either
                writer.append(make_frame(state, seq, size=20_000))
            writer.append(make_frame(state, 30, size=300_000))
        assert writer.flush(TIMEOUT_S)
    metas = list(log.scan_frames())
    assert len(metas) == 62
    assert {(meta.key.stream, meta.key.seq) for meta in metas if meta.error} == {("small", 30)}
    with pytest.raises(LogNotFoundError, match=f"--topic {sites.topic('new')}"), log.writer() as writer:
        writer.open_stream("new", source="test:", finite=False)


def test_an_interrupted_pass_goes_on_in_its_topic(sites: Sites) -> None:
    sites.make(*SITES)
    with sites.at("east") as log, log.writer() as writer:
        state = writer.open_stream("gate", source="file", finite=True)
        for seq in range(3):
            writer.append(make_frame(state, seq))
        assert writer.flush(TIMEOUT_S)
    with sites.at("west") as log, log.writer() as writer:
        again = writer.open_stream("gate", source="file", finite=True)
        assert (again.epoch, again.next_seq) == (state.epoch, 3)
        writer.append(make_frame(again, 3))
        writer.finish_pass("gate")
        assert writer.flush(TIMEOUT_S)
    with sites.at("west") as log, log.writer() as writer:
        anew = writer.open_stream("gate", source="file", finite=True)
        assert anew.epoch > state.epoch
        writer.append(make_frame(anew, 0))
        assert writer.flush(TIMEOUT_S)
        found = [(meta.pointer.topic, meta.key.epoch) for meta in log.scan_frames()]
    assert found == [(sites.topic("east"), state.epoch)] * 4 + [(sites.topic("west"), anew.epoch)]
    sites.template = "new.{site}"  # which does not fit the old topics: nobody would read the rest there
    sites.make("east")
    with sites.at("east") as log, log.writer() as writer:
        assert writer.open_stream("gate", source="file", finite=True).epoch > anew.epoch


def test_what_was_remembered_without_a_topic_lies_in_the_shared_one(tmp_path: Path) -> None:
    row = StoredStream(epoch=7, source="a", pass_index=0, finished_us=0, topic="x.frames", partition=3, seq=5, offset=9)
    with apsw.Connection(str(tmp_path / "ingest.db")) as db:
        db.execute(BEFORE)
        db.execute("INSERT INTO streams VALUES('gate',7,'a',0,0,3,5,9)")
    db.close()
    for _ in range(2):
        store = StreamStore(tmp_path, "x.frames")
        assert store.load("gate") == row
        store.close()


def test_frames_are_written_with_every_label_and_read_with_none(sites: Sites) -> None:
    sites.make("east")
    with pytest.raises(ConfigError, match=r"set log\.kafka\.labels\.site"):
        sites.at().writer()
    with pytest.raises(LogNotFoundError, match=f"has no topic {sites.topic('north')}"):
        sites.at("north").writer()
    done = framehop("ingest", "testsrc:?count=1", "--config", sites.config())
    assert done.status == 1
    assert "set log.kafka.labels.site" in done.stderr


def test_a_streams_own_labels_hold_before_those_of_the_log(sites: Sites) -> None:
    """They hold in each of its passes, and without a word of it for a stream that has none."""
    sites.make(*SITES)
    with sites.at("east") as log, log.writer() as writer:
        for stream, labels in {"gate": {"site": "west"}, "yard": {}}.items():
            state = writer.open_stream(stream, source="file", finite=True, labels=labels)
            writer.append(make_frame(state, 0))
            assert writer.flush(TIMEOUT_S)
            writer.append(make_frame(writer.next_pass(stream), 0))
        assert writer.flush(TIMEOUT_S)
        with pytest.raises(LogNotFoundError, match=f"--topic {sites.topic('north')}"):
            writer.open_stream("hall", source="file", finite=True, labels={"site": "north"})
        found = sorted((meta.key.stream, meta.pointer.topic) for meta in log.scan_frames())
    assert found == [("gate", sites.topic("west"))] * 2 + [("yard", sites.topic("east"))] * 2


def test_the_way_of_a_spool_heeds_a_streams_own_labels(sites: Sites) -> None:
    sites.make(*SITES)
    with sites.at("east") as log:
        link = log.link()
        assert link.place("gate", {"site": "west"}).partition.topic == sites.topic("west")
        assert link.place("gate", {}).partition.topic == sites.topic("east")


def test_topics_are_made_for_the_labels_of_streams_too(sites: Sites) -> None:
    config = sites.config("east")
    named = {"gate": "west", "yard": "north", "hall": "east"}
    streams = {name: {"source": "testsrc:", "labels": {"site": site}} for name, site in named.items()}
    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | {"streams": streams}))
    made = json.loads(framehop("topics", "create", "--config", config, "--partitions", "1", "--json").stdout)
    assert {name for name in made if name.startswith("cams-")} == {sites.topic(s) for s in ("east", "west", "north")}


def test_a_dead_letter_goes_to_the_topic_of_who_requeues_it(sites: Sites) -> None:
    sites.make(*SITES)
    sites.write("west", "gate", 1)
    log = sites.at("west")
    with log.consumer("g", member="m") as consumer:
        records = read(consumer, 1)
        event = make_event(records[0])
        object.__setattr__(event, "outcome", "failed")
        object.__setattr__(event, "reason", "of the test")
        consumer.commit([event], marks_after(records))
    (letter,) = log.dead_letters()
    assert letter.record.topic == sites.topic("west")
    summary = requeue(log, [letter])
    assert (list(summary.requeued), summary.errors) == ([letter.id], {})
    assert [meta.pointer.topic for meta in log.scan_frames()] == [sites.topic("west")] * 2


def test_a_gap_of_before_names_the_shared_topic(kafka_cluster: Cluster, tmp_path: Path) -> None:
    url = f"kafka://{kafka_cluster.bootstrap}/gaps-{uuid.uuid4()}"
    with KafkaLog(url, options=KafkaOptions(state_dir=str(tmp_path))) as log:
        log.create_topics(TopicPlan(partitions=1))
        from confluent_kafka import Producer

        producer = Producer(kafka_cluster.client())
        prefix = url.rpartition("/")[2]
        body = {"reason": "retention", "partition": 0, "first_offset": 2, "last_offset": 4}
        producer.produce(f"{prefix}.detections", json.dumps(body), headers={"ce_type": "io.framehop.gap.v1"})
        producer.flush(TIMEOUT_S)
        assert log.gaps() == [
            Gap(reason="retention", topic=f"{prefix}.frames", partition=0, first_offset=2, last_offset=4)
        ]


def test_the_command_makes_shows_and_checks_topics_by_template(sites: Sites) -> None:
    east, none = sites.config("east"), sites.config()
    two = {f"{sites.prefix}.{kind}" for kind in ("detections", "deadletter")}
    made = framehop("topics", "create", "--config", none, "--partitions", "2")
    assert "none for frames: name them with --topic" in made.stderr
    checked = framehop("topics", "check", "--config", none)
    assert (checked.status, "topics that fit is 0, and should be 1 or more" in checked.stdout) == (1, True)
    made = framehop("topics", "create", "--config", east, "--partitions", "2", "--json")
    assert json.loads(made.stdout) == {sites.topic("east"): True} | dict.fromkeys(two, False)
    more = [word for site in ("west", "north") for word in ("--topic", sites.topic(site))]
    made = framehop("topics", "create", "--config", none, "--partitions", "3", *more, "--json")
    assert json.loads(made.stdout) == {sites.topic(s): True for s in ("west", "north")} | dict.fromkeys(two, False)
    other = framehop("topics", "create", "--config", none, "--topic", "elsewhere.north")
    assert (other.status, "does not fit cams-" in other.stderr) == (1, True)
    shown = json.loads(framehop("topics", "describe", "--config", none, "--json").stdout)
    assert [topic["name"] for topic in shown[:3]] == [sites.topic(site) for site in ("east", "north", "west")]
    assert {topic["name"] for topic in shown[3:]} == two
    checked = framehop("topics", "check", "--config", none, "--json")
    (finding,) = json.loads(checked.stdout)
    assert (finding["setting"], finding["value"], finding["wanted"]) == ("partitions", "2", "3 or more")
    lag = framehop("lag", "--config", none)
    assert sites.topic("north") in lag.stdout
