"""The places where framehop's logs are made: a directory, or a broker that runs for this benchmark alone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from benchmarks.harness.brokers import Brokers
from benchmarks.harness.processes import ROOT, BenchmarkError


class Place(Protocol):
    """Makes logs. `name`: as the result says it. `warm_up_s`: how long it must be at work before it is as fast as it gets."""

    name: str
    warm_up_s: float

    def new_log(self) -> AbstractContextManager[str]:
        """Make a log; it may go when the block ends."""
        ...

    def broker_cpu_s(self) -> float:
        """CPU seconds so far of the broker; 0 where there is none."""
        ...


class InDirectories:
    name = "a directory"
    warm_up_s = 0.0

    def __init__(self, parent: Path) -> None:
        self._parent = parent

    def new_log(self) -> AbstractContextManager[str]:
        return tempfile.TemporaryDirectory(prefix="log-", dir=self._parent)

    def broker_cpu_s(self) -> float:
        return 0.0


class InKafka:
    name = "Kafka"
    warm_up_s = 60.0  # Java compiles what is called often

    def __init__(self, brokers: Brokers) -> None:
        self._brokers, self._made = brokers, 0

    @contextmanager
    def new_log(self) -> Iterator[str]:
        self._made += 1
        url = f"kafka://{self._brokers.bootstrap}/run{self._made}"
        create = [sys.executable, "-m", "framehop", "topics", "create", "--log", url]
        done = subprocess.run(create, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkError(f"{url}: {done.stderr}")
        yield url

    def broker_cpu_s(self) -> float:
        return self._brokers.cpu_s()
