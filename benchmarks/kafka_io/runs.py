"""One measured run: a program in a fresh process, and what it says of itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import confluent_kafka
import msgspec

from benchmarks.harness.processes import ROOT, BenchmarkError

DEADLINE_S = 900.0
HEADERS = 14  # as many as a frame record has
INSTALLED = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
PEERS = ("aiokafka", "kafka-python", "faststream", "quixstreams")
OURS, LIMIT, SYSTEM, RAW, JAVA = (
    "framehop",
    "bare C",
    "bare C, system's librdkafka",
    "confluent-kafka",
    "kafka-tools (Java)",
)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """`cpu_s`: of the client's process; absent for the Java tools, which count the virtual machine's start."""

    wall_s: float
    messages: int
    bytes: int
    cpu_s: float | None = None

    @property
    def mb_per_s(self) -> float:
        return self.bytes / 1e6 / self.wall_s

    @property
    def cpu_ms_per_mb(self) -> float | None:
        return None if self.cpu_s is None else self.cpu_s * 1000 / (self.bytes / 1e6)


class Programs:
    """The way in which everyone is started. `peers_python`: an interpreter that has the other clients."""

    def __init__(self, bootstrap: str, peers_python: str, jars: Path | None, directory: Path) -> None:
        self.bootstrap = bootstrap
        self._peers_python = peers_python
        self._jars = jars
        self._bare = {
            LIMIT: _compiled(directory / "bare", bundled_library()),
            SYSTEM: _compiled(directory / "bare-system", None),
        }

    def versions(self) -> dict[str, str]:
        """The versions of librdkafka, by the client linked with it, and of the peers."""
        linked = {
            f"librdkafka of {who}": _run([str(program), "version"]).strip() for who, program in self._bare.items()
        }
        installed: dict[str, str] = json.loads(_run([self._peers_python, "-c", INSTALLED]))
        return linked | {name: version for name, version in installed.items() if name in PEERS}

    def missing(self) -> list[str]:
        """Peers that cannot take part."""
        names = dict(zip(PEERS, ("aiokafka", "kafka", "faststream.confluent", "quixstreams"), strict=True))
        left = [
            peer
            for peer, module in names.items()
            if subprocess.run(
                [self._peers_python, "-c", f"import {module}"], capture_output=True, check=False
            ).returncode
        ]
        return left + ([] if self._jars else [JAVA])

    def produce(self, who: str, prefix: str, size: int, count: int) -> Run:
        topic = f"{prefix}.frames"
        if who == OURS:
            return _heard(self._ours("produce", prefix, size, count), count * size)
        if who in self._bare:
            command = [str(self._bare[who]), "produce", self.bootstrap, topic, str(size), str(count), str(HEADERS)]
            return _heard(command, count * size)
        if who == JAVA:
            return self._java_produce(topic, size, count)
        return _heard(self._peer(who, "produce", topic, size, count), count * size)

    def consume(self, who: str, prefix: str, size: int, count: int) -> Run:
        topic = f"{prefix}.frames"
        if who == OURS:
            return _heard(self._ours("consume", prefix, count), count * size)
        if who in self._bare:
            return _heard([str(self._bare[who]), "consume", self.bootstrap, topic, "1", str(count)], count * size)
        if who == JAVA:
            return self._java_consume(topic, size, count)
        return _heard(self._peer(who, "consume", topic, count), count * size)

    def latencies(self, who: str, prefix: str, size: int, rate: float, count: int) -> list[float]:
        """Milliseconds from the moment each message was due to the moment its reader had it."""
        if who == OURS:
            receive, send = self._ours("receive", prefix, count), self._ours("send", prefix, size, rate, count)
        else:
            python, topic = self._script(), f"{prefix}.frames"
            receive = [*python, "raw", "receive", self.bootstrap, topic, str(count)]
            send = [*python, "raw", "send", self.bootstrap, topic, str(size), str(rate), str(count)]
        with subprocess.Popen(receive, cwd=ROOT, stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdout is not None
            if reader.stdout.readline().strip() != "ready":
                raise BenchmarkError(f"the reader of {who} did not start")
            _run(send)
            late: list[float] = json.loads(reader.stdout.readline())
        return late

    def _ours(self, what: str, prefix: str, *args: object) -> list[str]:
        url = f"kafka://{self.bootstrap}/{prefix}"
        return [sys.executable, "-m", "benchmarks.kafka_io.ours", what, url, *map(str, args)]

    def _script(self) -> list[str]:
        return [sys.executable, str(ROOT / "benchmarks/kafka_io/peers.py")]

    def _peer(self, who: str, what: str, topic: str, *args: int) -> list[str]:
        python = self._script() if who == RAW else [self._peers_python, *self._script()[1:]]
        return [*python, who, what, self.bootstrap, topic, *map(str, args)]

    def _java(self, tool: str, *args: object) -> str:
        logging = ROOT / "benchmarks/kafka_io/log4j2.properties"
        command = ["java", "-Xmx512m", f"-Dlog4j2.configurationFile={logging}", "-cp", f"{self._jars}/*", tool]
        return _run([*command, *map(str, args)])

    def _java_produce(self, topic: str, size: int, count: int) -> Run:
        properties = [
            f"bootstrap.servers={self.bootstrap}",
            "acks=all",
            "max.request.size=8388608",
            "batch.size=1048576",
        ]
        said = self._java(
            "org.apache.kafka.tools.ProducerPerformance",
            *("--topic", topic, "--num-records", count, "--record-size", size, "--throughput", -1),
            *("--command-property", *properties),
        )
        found = re.findall(r"([\d.]+) records/sec", said)
        if not found:
            raise BenchmarkError(f"ProducerPerformance said: {said[-500:]}")
        return Run(wall_s=count / float(found[-1]), messages=count, bytes=count * size)

    def _java_consume(self, topic: str, size: int, count: int) -> Run:
        said = self._java(
            "org.apache.kafka.tools.ConsumerPerformance",
            *("--bootstrap-server", self.bootstrap, "--topic", topic, "--num-records", count, "--hide-header"),
        )
        fields = said.strip().splitlines()[-1].split(",")
        fetch_ms = float(fields[7])  # without joining the group, as for everyone here
        return Run(wall_s=fetch_ms / 1000, messages=count, bytes=count * size)


def bundled_library() -> Path | None:
    """The librdkafka inside confluent-kafka's wheel, which framehop runs on; none in a build of its own."""
    found = sorted(Path(confluent_kafka.__file__).parent.with_suffix(".libs").glob("librdkafka-*.so*"))
    return found[0] if found else None


def _compiled(program: Path, library: Path | None) -> Path:
    """bare.c, with `library` or the system's."""
    linked = ["-lrdkafka"] if library is None else [str(library), f"-Wl,-rpath,{library.parent}"]
    _run(["cc", "-O2", "-o", str(program), str(ROOT / "benchmarks/kafka_io/bare.c"), *linked])
    return program


def _heard(command: Sequence[str], expected: int) -> Run:
    run = msgspec.json.decode(_run(command).strip().splitlines()[-1], type=Run)
    if run.bytes != expected:
        raise BenchmarkError(f"{' '.join(command[:6])}: {run.bytes} bytes went through, not {expected}")
    return run


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(f"{' '.join(command[:8])}: {error.stderr[-800:]}") from error
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"{' '.join(command[:8])} did not end within {DEADLINE_S:.0f} s") from error
    return done.stdout
