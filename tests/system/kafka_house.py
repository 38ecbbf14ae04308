"""A house whose log is in Kafka: topics of its own, a configuration, and a model that costs nothing."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import Consumer, KafkaException, TopicPartition

from framehop.log import KafkaOptions
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from tests.broker import Cluster
from tests.system.harness import House
from tests.system.kafka_ledger import Ledger, Watcher, plain_consumer, read_ledger
from tests.tiny_model import write_model
from tests.waiting import until

SESSION_S = 2.0
WINDOW = (
    320  # what one crash may have done again: 256 frames done and not committed, and what is between poll and commit
)


class KafkaHouse:
    """framehop's processes on one log in Kafka."""

    def __init__(
        self,
        house: House,
        cluster: Cluster,
        *,
        delivery: str = "at-least-once",
        partitions: int = 4,
        bootstrap: str = "",
        **kafka: Any,
    ) -> None:
        self.house, self.cluster = house, cluster
        self.bootstrap = bootstrap or cluster.bootstrap
        self.prefix = f"faults-{uuid.uuid4().hex[:12]}"
        self.url = f"kafka://{self.bootstrap}/{self.prefix}"
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
        with self.open() as log:
            log.create_topics(TopicPlan(partitions=partitions))
        self._looker: Consumer | None = None

    def __enter__(self) -> KafkaHouse:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._looker is not None:
            self._looker.close()

    def write_config(self, name: str, **changes: Any) -> Path:
        path = self.house.path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"log": {"kafka": self.settings | changes}}))
        return path

    def open(self) -> KafkaLog:
        options = KafkaOptions(state_dir=str(self.house.path / "state"))
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

    def start_run(self, sources: Sequence[str], rate: str, *args: str | Path) -> subprocess.Popen[bytes]:
        return self.house.start("run", *sources, *self.at, "--model", self.model, "--rate", rate, *args)

    def detect(self, *args: str, fail_at: str = "") -> dict[str, Any]:
        """`framehop detect` until everything is done; returns its report."""
        report = self.house.path / f"report-{uuid.uuid4().hex}.json"
        finished = self.start_detect("--until-idle", "0.5", "--report", report, *args, fail_at=fail_at)
        ended_well(finished)
        loaded: dict[str, Any] = json.loads(report.read_text())
        return loaded

    # ---- looks

    def ledger(self, isolation: str = "read_committed") -> Ledger:
        return read_ledger(self.cluster.bootstrap, self.prefix, isolation=isolation)

    def watch(self) -> Watcher:
        return Watcher(self.cluster.bootstrap, self.prefix)

    def count(self, topic: str) -> int:
        """Records of a topic, control records of transactions among them; what was known before while no broker answers."""
        if self._looker is None:
            self._looker = plain_consumer(self.cluster.bootstrap)
        found = self._looker.list_topics(f"{self.prefix}.{topic}", timeout=20).topics[f"{self.prefix}.{topic}"]
        places = [TopicPartition(f"{self.prefix}.{topic}", partition) for partition in found.partitions]
        try:
            marks = [self._looker.get_watermark_offsets(place, timeout=20) for place in places]
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
