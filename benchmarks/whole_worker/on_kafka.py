"""Sends the same frames through a broker: `framehop detect` on a log in Kafka, against the loop of the tutorials."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Self

import msgspec
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks.harness.brokers import Brokers
from benchmarks.harness.processes import run_fresh
from benchmarks.whole_worker.report import IN_KAFKA
from benchmarks.whole_worker.results import Run, Workload
from benchmarks.whole_worker.scripted import Scripts
from benchmarks.whole_worker.workload import make_log
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan

PREFIX = "bench"
PARTITIONS = 4
_ADMIN_S = 30.0


class InKafka:
    """A broker with the frames of a workload. Each run reads them all, as a group of its own."""

    def __init__(self, load: Workload, scripts: Scripts) -> None:
        self._load, self._scripts = load, scripts
        self._opened = ExitStack()
        self._bootstrap = ""

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._bootstrap = opened.enter_context(Brokers()).bootstrap
            self._fill()
            self._opened = opened.pop_all()
        return self

    def _fill(self) -> None:
        load = self._load
        with KafkaLog(self._url) as log:
            log.create_topics(TopicPlan(partitions=PARTITIONS))
        frames = load.lead + load.frames + load.tail
        make_log(self._url, frames=frames, streams=load.streams, width=load.width, height=load.height)
        admin = AdminClient({"bootstrap.servers": self._bootstrap})
        admin.create_topics([NewTopic(self._results, num_partitions=1)])[self._results].result(_ADMIN_S)

    def __exit__(self, *exc: object) -> None:
        self._opened.close()

    @property
    def _url(self) -> str:
        return f"kafka://{self._bootstrap}/{PREFIX}"

    @property
    def _results(self) -> str:
        return f"{PREFIX}.tutorial"

    def run(self, name: str, number: int) -> Run:
        """Run one of the two. `number`: of the round."""
        if name == IN_KAFKA:
            load = msgspec.json.encode(self._load).decode()
            printed = run_fresh("benchmarks.whole_worker.ours", self._url, load, f"round-{number}")
            return msgspec.json.decode(printed, type=Run)
        return self._scripts.run(
            "kafka",
            bootstrap=self._bootstrap,
            group=f"tutorial-{number}",
            frames_topic=f"{PREFIX}.frames",
            results_topic=self._results,
            lead=self._load.lead,
            frames=self._load.frames,
        )
