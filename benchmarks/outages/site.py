"""framehop at work on a log in Kafka: ingest of some streams at a steady rate, and hosts that detect."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import uuid
from itertools import count
from pathlib import Path
from typing import Self

import msgspec
import yaml

from benchmarks.harness.brokers import Brokers
from benchmarks.harness.processes import ROOT, BenchmarkError, find
from benchmarks.outages.reader import Reader
from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from framehop.partitioning import partition_of

START_S = 60.0
STEADY = 5  # events of each stream, one after the other by the same worker


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """`rate`: frames per second of each stream. Every stream has a partition to itself. `session_s`: of the workers' group."""

    streams: int
    rate: float
    size: str
    model: str
    session_s: float


class Host:
    """A `framehop detect` with its processes."""

    def __init__(self, popen: subprocess.Popen[bytes], worker: int) -> None:
        self.popen = popen
        self.worker = worker

    def kill(self) -> None:
        """The supervisor; the kernel ends its children with it."""
        self.popen.kill()
        self.popen.wait()


class Site:
    """A log of its own, ingest and a reader; everything ends on exit."""

    def __init__(self, brokers: Brokers, load: Workload, *, delivery: str = "at-least-once") -> None:
        self.brokers, self.load = brokers, load
        self.prefix = f"recovery-{uuid.uuid4().hex[:12]}"
        self.streams = _streams(load.streams)
        self._url = f"kafka://{brokers.bootstrap}/{self.prefix}"
        self._directory = tempfile.TemporaryDirectory(prefix="framehop-recovery-")
        self._messages = Path(self._directory.name) / "messages"
        self._config = Path(self._directory.name) / "config.yaml"
        options = {"delivery": delivery, "session_timeout_s": load.session_s, "state_dir": self._directory.name}
        self._config.write_text(yaml.safe_dump({"log": {"kafka": options}}))
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        with KafkaLog(self._url) as log:
            log.create_topics(TopicPlan(partitions=self.load.streams, max_age_s=600))
        self.reader = Reader(self.brokers.bootstrap, f"{self.prefix}.detections", self.streams)
        self.reader.__enter__()
        sources = [f"{stream}=testsrc:?size={self.load.size}" for stream in self.streams]
        self._start("ingest", *sources, "--rate", f"{self.load.rate:g}")
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self.reader.__exit__()
        if isinstance(error, BenchmarkError):
            error.add_note(f"framehop said:\n{self._messages.read_text(errors='replace')}")
        self._directory.cleanup()

    def start_host(self, *, fail_at: str = "") -> Host:
        popen = self._start("detect", "--model", self.load.model, "--provider", "cpu", fail_at=fail_at)
        return Host(popen, find(popen.pid, "worker-0", START_S))

    def _start(self, command: str, *args: str, fail_at: str = "") -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "framehop", command, *args, "--log", self._url, "--config", str(self._config)]
        env = os.environ | ({"FRAMEHOP_FAIL_AT": fail_at} if fail_at else {})
        with self._messages.open("ab") as messages:
            process = subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=messages)
        self._processes.append(process)
        return process

    def wait_steady(self, *hosts: Host) -> None:
        self.reader.wait_steady({host.worker for host in hosts}, STEADY, START_S)


def _streams(number: int) -> list[str]:
    """Names that fall into a partition each."""
    found: dict[int, str] = {}
    for i in count():
        found.setdefault(partition_of(f"cam-{i}", number), f"cam-{i}")
        if len(found) == number:
            return [found[partition] for partition in sorted(found)]
    raise AssertionError("unreachable")


def kill_9(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
