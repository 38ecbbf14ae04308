"""Other people's clients on framehop's topics, what others write into them, and the newer group protocol."""

from __future__ import annotations

import json
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import numpy as np
import psutil
import pytest
import yaml
from confluent_kafka import Producer

from framehop import encode_jpeg
from framehop.log import KafkaOptions
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.partition_scan import PartitionScan
from framehop.log.kafka.topics import TopicPlan
from framehop.log.kafka.wire import DeadLetterBody, parse_letter
from framehop.types import Partition
from tests.broker import Cluster
from tests.system.harness import House
from tests.tiny_model import write_model

pytestmark = pytest.mark.kafka

FRAMES = 4
PARTITIONS = 3
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """A log of its own with one stream in it, of whose pictures the bytes are known."""

    cluster: Cluster
    house: House
    log: KafkaLog
    prefix: str
    stream: str
    pictures: list[bytes]

    @property
    def url(self) -> str:
        return self.log.url

    def ingest(self) -> None:
        folder = self.house.path / "pictures"
        done = self.house.framehop("ingest", f"{self.stream}={folder}", "--rate", "max", "--log", self.url)
        assert done.returncode == 0, done.stderr

    def detect(self, **kafka: object) -> str:
        """Run detect to its end, and return what it said."""
        model = self.house.path / "model"
        model.mkdir(exist_ok=True)
        config = self.house.path / "detect.yaml"
        config.write_text(yaml.safe_dump({"log": {"url": self.url, "kafka": {"membership": "dynamic", **kafka}}}))
        done = self.house.framehop("detect", "--model", write_model(model), "--until-idle", "0.5", "--config", config)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done.stderr

    def partition(self) -> int:
        """The partition that holds the stream's frames."""
        (partition,) = {meta.pointer.partition for meta in self.log.scan_frames() if meta.key.stream == self.stream}
        return partition

    def letters(self) -> list[DeadLetterBody]:
        connection, topic = self.log._connection, f"{self.prefix}.deadletter"
        with PartitionScan(connection, dict.fromkeys(connection.partitions_of(topic), 0)) as scan:
            return [parse_letter(message) for message in scan]

    def events(self) -> list[tuple[str, int, str]]:
        with self.log.events() as reader:
            return sorted((each.event.stream, each.event.seq, each.event.outcome) for each in reader)


@pytest.fixture
def place(kafka_cluster: Cluster, house: House) -> Iterator[Place]:
    pictures = [encode_jpeg(np.full((32, 48, 3), shade * 40, np.uint8)) for shade in range(FRAMES)]
    folder = house.path / "pictures"
    folder.mkdir()
    for number, picture in enumerate(pictures):
        (folder / f"{number}.jpg").write_bytes(picture)
    house.env["HOME"] = str(house.path)  # ingest's state
    prefix = f"c-{uuid4().hex[:8]}"
    options = KafkaOptions(state_dir=str(house.path / "state"))
    with KafkaLog(f"kafka://{kafka_cluster.bootstrap}/{prefix}", options=options) as log:
        log.create_topics(TopicPlan(partitions=PARTITIONS))
        yield Place(kafka_cluster, house, log, prefix, "gate-1", pictures)


def kcat(place: Place, *args: str, give: bytes = b"") -> bytes:
    command = ["kcat", "-b", place.cluster.bootstrap, "-q", *args]
    return subprocess.run(command, input=give, capture_output=True, check=True, timeout=TIMEOUT_S).stdout


def java(place: Place, tool: str, *args: str, give: bytes = b"") -> bytes:
    """One of Kafka's own tools, from the jars that the broker runs on."""
    (broker,) = place.cluster.status()["brokers"]
    line = psutil.Process(broker["pid"]).cmdline()
    jars = line[line.index("-cp") + 1]
    command = ["java", "-XX:TieredStopAtLevel=1", "-cp", jars, f"org.apache.kafka.tools.{tool}"]
    command += ["--bootstrap-server", place.cluster.bootstrap, *args]
    return subprocess.run(command, input=give, capture_output=True, check=True, timeout=TIMEOUT_S).stdout


# ---------------------------------------------------------------- stock clients


def test_kcat_gets_the_picture_itself(place: Place) -> None:
    place.ingest()
    where = ("-C", "-t", f"{place.prefix}.frames", "-p", str(place.partition()), "-o", "beginning")
    assert kcat(place, *where, "-c", "1", "-D", "") == place.pictures[0]
    keys = kcat(place, *where, "-e", "-f", "%k %h\\n").decode().splitlines()
    assert [line.split()[0] for line in keys] == [place.stream] * FRAMES
    assert [f"ce_sequence={seq}," in line for seq, line in enumerate(keys)] == [True] * FRAMES


def test_kafkas_own_console_reads_frames_and_events(place: Place) -> None:
    place.ingest()
    place.detect()
    common = (
        "--from-beginning",
        "--max-messages",
        str(FRAMES),
        "--timeout-ms",
        "30000",
        "--isolation-level",
        "read_committed",
    )
    pictures = java(
        place, "consumer.ConsoleConsumer", "--topic", f"{place.prefix}.frames", *common,
        "--formatter-property", "line.separator=",
    )  # fmt: skip
    assert zlib.crc32(pictures) == zlib.crc32(b"".join(place.pictures))
    lines = java(place, "consumer.ConsoleConsumer", "--topic", f"{place.prefix}.detections", *common).splitlines()
    events = [json.loads(line) for line in lines]
    assert [(event["stream"], event["seq"], event["outcome"]) for event in events] == [
        (place.stream, seq, "detected") for seq in range(FRAMES)
    ]


def test_kafkas_own_producer_puts_a_key_where_framehop_does(place: Place) -> None:
    """Several keys: one alone would be right by chance once in three."""
    streams = [*(f"cam-{number}" for number in range(8)), "a", "x" * 100]
    ours = {}
    with place.log.writer() as writer:
        for stream in streams:
            writer.open_stream(stream, source="test", finite=False)
            ours[stream] = writer._streams.held(stream).row.partition
    assert len(set(ours.values())) > 1
    lines = "".join(f"{stream}\tx\n" for stream in ours).encode()
    topic = f"{place.prefix}.frames"
    java(place, "ConsoleProducer", "--topic", topic, "--reader-property", "parse.key=true", give=lines)
    found = kcat(place, "-C", "-t", topic, "-o", "beginning", "-e", "-f", "%k %p\\n").decode().splitlines()
    assert {key: int(partition) for key, partition in (line.split() for line in found)} == ours


# ---------------------------------------------------------------- what others write


def test_a_foreign_record_is_a_dead_letter_and_the_group_goes_on(place: Place) -> None:
    place.ingest()
    partition, topic = place.partition(), f"{place.prefix}.frames"
    foreign = [
        {"value": b"no headers", "key": b"gate-1"},
        {"value": None, "key": None},
        {"value": b"v2", "key": b"gate-1", "headers": [("ce_type", b"io.framehop.frame.v2")]},
        {"value": b"not text", "key": b"gate-1", "headers": [("ce_type", b"\xff\xfe")]},
        {
            "value": b"numbers",
            "key": b"gate-1",
            "headers": [("ce_type", b"io.framehop.frame.v1"), ("ce_epoch", b"9" * 99), ("ce_sequence", b"-1")],
        },
    ]
    producer = Producer(place.cluster.client() | {"enable.idempotence": True})
    for record in foreign:
        producer.produce(topic, partition=partition, **record)  # type: ignore[arg-type]
    assert producer.flush(TIMEOUT_S) == 0
    # A header whose name is not text: no Python client can write it, kcat can.
    kcat(
        place,
        "-P",
        "-t",
        topic,
        "-p",
        str(partition),
        "-k",
        "gate-1",
        "-H",
        b"\xff=1".decode(errors="surrogateescape"),
        give=b"n",
    )
    place.ingest()  # frames behind them
    place.detect()
    letters = place.letters()
    pointers = {(letter.record.topic, letter.record.partition, letter.record.offset) for letter in letters}
    assert pointers == {(topic, partition, FRAMES + number) for number in range(len(foreign) + 1)}
    assert {letter.kind for letter in letters} == {"record"}
    assert all(letter.reason.startswith("not_a_frame: ") for letter in letters)
    assert place.events() == sorted(2 * [(place.stream, seq, "detected") for seq in range(FRAMES)])
    where = Partition(topic, partition)
    assert place.log.committed("detect-main")[where] == place.log.end_offsets()[where]


# ---------------------------------------------------------------- KIP-848


def test_the_newer_group_protocol_detects_and_warns_of_a_long_session(place: Place) -> None:
    place.ingest()
    said = place.detect(client={"group.protocol": "consumer"})
    assert (
        f"keeps its partitions for 45 s: lower consumer.session.timeout.ms of group {place.prefix}.detect-main" in said
    )
    assert place.events() == [(place.stream, seq, "detected") for seq in range(FRAMES)]
