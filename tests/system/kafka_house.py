"""A house whose log is in Kafka: topics of its own, a configuration, and a model that costs nothing."""

from __future__ import annotations

import json
import os
import select
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from framehop.log import KafkaOptions
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.timing import Deadline
from framehop.types import Partition
from tests.broker import Cluster
from tests.system.harness import House
from tests.system.kafka_ledger import Ledger, Watcher, plain_consumer, read_ledger
from tests.tiny_model import write_model
from tests.waiting import until

SESSION_S = 2.0
# What one crash may have done again: 128 events whose offsets are not committed yet, those of one commit, and those that
# left ahead of another stream's.
WINDOW = 288


class KafkaHouse:
    """framehop's processes on one log in Kafka."""

    def __init__(
        self,
        house: House,
        cluster: Cluster,
        *,
        delivery: str = "at-least-once",
        partitions: int = 4,
        max_bytes: int = 1_000_000,
        frames: Sequence[str] = (),
        through: str = "",
        **kafka: Any,
    ) -> None:
        """`through`: an address at which framehop's processes find the broker, and nobody else."""
        self.house, self.cluster = house, cluster
        self.prefix = f"faults-{uuid.uuid4().hex[:12]}"
        self.url = f"kafka://{through or cluster.bootstrap}/{self.prefix}"
        self.delivery = delivery
        self.settings = {
            "delivery": delivery,
            "session_timeout_s": SESSION_S,
            "commit_interval_s": 0.02,
            "state_dir": str(house.path / "state"),
            **kafka,
        }
        self.config = self.write_config("config")
        self.model = write_model(house.path)
        cluster.revive()
        self.frames = list(frames)
        with self.open() as log:
            log.create_topics(TopicPlan(partitions=partitions, max_bytes=max_bytes), frames=frames)
        self._looker: Consumer | None = None

    def __enter__(self) -> KafkaHouse:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._looker is not None:
            self._looker.close()
        if exc[0] is None:  # what failed may have left the broker dead
            for name in [self.prefix, *self.frames]:
                self.cluster.forget_topics(name)

    def write_config(self, name: str, **changes: Any) -> Path:
        path = self.house.path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"log": {"kafka": self.settings | changes}}))
        return path

    def open(self) -> KafkaLog:
        options = KafkaOptions(
            state_dir=str(self.house.path / "state"), frames_topic=self.settings.get("frames_topic", "")
        )
        return KafkaLog(f"kafka://{self.cluster.bootstrap}/{self.prefix}", options=options)

    # ---- framehop

    @property
    def at(self) -> list[str | Path]:
        return ["--log", self.url, "--config", self.config]

    def fill(self, sources: Sequence[str], rate: str = "max") -> None:
        done = self.house.framehop("ingest", *sources, *self.at, "--rate", rate)
        assert done.returncode == 0, done.stderr

    def start_ingest(self, sources: Sequence[str], rate: str = "max", *args: str) -> subprocess.Popen[bytes]:
        return self.house.start("ingest", *sources, *self.at, "--rate", rate, *args)

    def start_detect(self, *args: str | Path, fail_at: str = "", config: Path | None = None) -> subprocess.Popen[bytes]:
        at: list[str | Path] = ["--log", self.url, "--config", config or self.config]
        return self.house.start("detect", *at, "--model", self.model, *args, fail_at=fail_at)

    def start_run(self, sources: Sequence[str], rate: str, *, quiet: bool = False) -> subprocess.Popen[bytes]:
        """`quiet`: for a process whose messages nobody reads."""
        words: list[str | Path] = ["run", *sources, *self.at, "--model", self.model, "--rate", rate]
        to = subprocess.DEVNULL if quiet else subprocess.PIPE
        return self.house.start(*words, stdout=to, stderr=to)

    def detect(self, *args: str, fail_at: str = "") -> dict[str, Any]:
        """`framehop detect` until everything is done; returns its report."""
        report = self.house.path / f"report-{uuid.uuid4().hex}.json"
        finished = self.start_detect("--until-idle", "0.5", "--report", report, *args, fail_at=fail_at)
        ended_well(finished)
        loaded: dict[str, Any] = json.loads(report.read_text())
        return loaded

    # ---- looks

    def ledger(self, isolation: str = "read_committed") -> Ledger:
        return read_ledger(self.cluster.bootstrap, self.prefix, isolation=isolation, frames=self.frames)

    def watch(self) -> Watcher:
        return Watcher(self.cluster.bootstrap, self.prefix)

    def wait_said(self, process: subprocess.Popen[bytes], text: str, timeout_s: float = 60) -> str:
        """Wait until it says `text` on its standard error, and return everything it said so far."""
        assert process.stderr is not None
        said, descriptor = b"", process.stderr.fileno()
        deadline = Deadline.after(timeout_s)
        while text.encode() not in said:
            ready = select.select([descriptor], [], [], deadline.remaining_s)[0]
            more = os.read(descriptor, 65536) if ready else b""
            assert more, f"{text!r} was not said: {said.decode()}"
            said += more
        return said.decode()

    def committed(self) -> dict[Partition, int]:
        with self.open() as log:
            return {partition: offset for partition, offset in log.committed("detect-main").items() if offset}

    def check_commits(self) -> None:
        """No offset stands beyond a frame without an event, in the shared topic."""
        committed, ledger = self.committed(), self.ledger()
        done = {(event["frame"]["partition"], event["frame"]["offset"]) for event in ledger.events}
        for frame in ledger.frames:
            if frame.offset < committed.get(Partition(f"{self.prefix}.frames", frame.partition), 0):
                assert (frame.partition, frame.offset) in done, f"{frame.key} was passed over"

    def ends(self) -> dict[Partition, int]:
        """Return the ends of the partitions that hold frames."""
        with self.open() as log:
            return {partition: offset for partition, offset in log.end_offsets().items() if offset}

    def delete_records(self, partition: int, below: int) -> None:
        partition_begin = TopicPartition(f"{self.prefix}.frames", partition, below)
        admin = self._admin()  # kept: requests end with their client
        for done in admin.delete_records([partition_begin]).values():
            done.result(30)

    def move_offsets(self, offsets: Mapping[Partition, int]) -> None:
        """Set the offsets of the workers' group as another client does, without metadata. The broker refuses that while it still
        counts a worker that has ended as a member."""
        wanted = [TopicPartition(found.topic, found.number, offset) for found, offset in offsets.items()]
        group = ConsumerGroupTopicPartitions(f"{self.prefix}.detect-main", wanted)
        admin = self._admin()

        def moved() -> bool:
            answer = admin.alter_consumer_group_offsets([group])[group.group_id].result(30)
            return all(partition.error is None for partition in answer.topic_partitions)

        until(moved, "the group's offsets where another client has set them")
        assert self.committed() == offsets

    def add_partitions(self, total: int) -> None:
        topic = f"{self.prefix}.frames"
        admin = self._admin()
        admin.create_partitions([NewPartitions(topic, total)])[topic].result(30)

    def leader(self, topic: str, partition: int) -> int:
        name = f"{self.prefix}.{topic}"
        return int(self._admin().list_topics(name, timeout=30).topics[name].partitions[partition].leader)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.cluster.bootstrap, "log_level": 2})

    def count(self, topic: str) -> int:
        """Records of a topic, control records of transactions among them; what was known before while no broker answers."""
        if self._looker is None:
            self._looker = plain_consumer(self.cluster.bootstrap)
        found = self._looker.list_topics(f"{self.prefix}.{topic}", timeout=20).topics[f"{self.prefix}.{topic}"]
        partitions = [TopicPartition(f"{self.prefix}.{topic}", partition) for partition in found.partitions]
        try:
            marks = [self._looker.get_watermark_offsets(partition, timeout=20) for partition in partitions]
        except KafkaException:
            return 0
        return sum(high for _, high in marks)

    def events(self) -> int:
        return self.count("detections")

    def wait_events(self, more_than: int, timeout_s: float = 60) -> None:
        until(lambda: self.events() > more_than, f"more than {more_than} events", timeout_s)


def ended_well(process: subprocess.Popen[bytes], timeout_s: float = 90) -> str:
    """Its messages."""
    try:
        _, stderr = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        _, stderr = process.communicate()
        raise AssertionError(f"{process.args!r} did not end within {timeout_s} s:\n{stderr.decode()}") from None
    assert process.returncode == 0, stderr.decode()
    assert b"Traceback" not in stderr, stderr.decode()
    return stderr.decode()


def deaths(report: dict[str, Any], process: str) -> list[dict[str, Any]]:
    return [incident for incident in report["incidents"] if incident["process"] == process]
