"""Brokers of one's own, by scripts/kafka."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from benchmarks.harness.processes import ROOT, BenchmarkError, cpu_seconds

SCRIPT = ROOT / "scripts" / "kafka"


class Brokers:
    """Started on entry, killed on exit with all they hold."""

    def __init__(self, count: int = 1, *, parent: Path | None = None) -> None:
        """`parent`: where they get a directory for their data; default: that of temporary files."""
        self._count = count
        self._directory = tempfile.TemporaryDirectory(prefix="framehop-kafka-", dir=parent)
        self.bootstrap = ""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._run("kill", check=False)
        self._directory.cleanup()

    def start(self) -> None:
        """Start the brokers that do not run; they are ready when it returns."""
        started = self._run("start", "--port", "0", "--brokers", str(self._count), "--json")
        self.bootstrap = json.loads(started)["bootstrap"]

    def kill(self, broker: int | None = None) -> None:
        self._run("kill", *([] if broker is None else ["--broker", str(broker)]))

    def pid(self, broker: int) -> int:
        """Return the pid of a broker that runs."""
        return self._pids()[broker]

    def cpu_s(self) -> float:
        """CPU seconds so far of all brokers that run."""
        return sum(map(cpu_seconds, self._pids().values()))

    def _pids(self) -> dict[int, int]:
        brokers = json.loads(self._run("status", "--json", check=False))["brokers"]
        return {int(each["id"]): int(each["pid"]) for each in brokers if each["pid"] is not None}

    def _run(self, command: str, *options: str, check: bool = True) -> str:
        words: list[str | Path] = [SCRIPT, command, "--data", Path(self._directory.name) / "kafka", *options]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise BenchmarkError(f"scripts/kafka {command}: {done.stderr}")
        return done.stdout
