"""The commands: start, stop, kill."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.kafka_cluster import java, layout, process, ready, settings, tls
from scripts.kafka_cluster.errors import ClusterError
from scripts.kafka_cluster.layout import HOST, Broker, Cluster
from scripts.kafka_cluster.ports import is_free

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0
KILL_TIMEOUT_S = 30.0
POLL_S = 0.05
LOCK = "lock"
LOG_LINES = 30


def say(text: str) -> None:
    """Progress; standard output is for the result."""
    os.write(2, f"{text}\n".encode())


# ---------------------------------------------------------------- start


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options asked for. None keeps what the cluster has, and takes the default for a new one."""

    brokers: int | None = None
    secure: bool = False
    proxied: bool = False
    first_port: int | None = None


def start(data: Path, jars: Path, wanted: Wanted) -> Cluster:
    """Start every broker that does not run; returns once each of them counts all as alive."""
    data.mkdir(parents=True, exist_ok=True)
    with _only_one_starts(data):
        cluster = layout.load(data) or _new(data, wanted)
        _check_same(cluster, wanted)
        due = tuple(broker for broker in cluster.brokers if process.pid_of(broker) is None)
        if due:
            _prepare(cluster, jars)
            _launch_and_wait(cluster, due, jars)
        else:
            say("it runs already")
        return cluster


@contextmanager
def _only_one_starts(data: Path) -> Iterator[None]:
    """Two at once would both see that nothing runs. The wait ends: a start has a deadline."""
    with (data / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _new(data: Path, wanted: Wanted) -> Cluster:
    others = [entry.name for entry in data.iterdir() if entry.name != LOCK]
    if others:
        raise ClusterError(f"{data} holds something else ({others[0]}); give an empty or a new directory")
    first_port = layout.FIRST_PORT if wanted.first_port is None else wanted.first_port
    cluster = layout.plan(
        data, brokers=wanted.brokers or 1, secure=wanted.secure, proxied=wanted.proxied, first_port=first_port
    )
    _check_ports(cluster.brokers, "--port picks others, 0 free ones")
    layout.save(cluster)  # from here on its ports are settled: the controllers remember each other by them
    return cluster


def _check_ports(brokers: tuple[Broker, ...], what_to_do: str) -> None:
    for broker in brokers:
        for port in broker.ports:
            if not is_free(port):
                raise ClusterError(
                    f"port {port}, which broker {broker.id} needs, is in use by another program; {what_to_do}"
                )


def _check_same(cluster: Cluster, wanted: Wanted) -> None:
    port = cluster.brokers[0].port
    is_same = (
        wanted.brokers in (None, len(cluster.brokers))
        and wanted.secure <= cluster.secure
        and wanted.proxied <= cluster.proxied
        and wanted.first_port in (None, 0, port)
    )
    if not is_same:
        made = f"--brokers {len(cluster.brokers)} --port {port}" + " --secure" * cluster.secure
        made += " --proxied" * cluster.proxied
        raise ClusterError(f"{cluster.data} was made with {made}; use these, another --data, or delete it")


def _prepare(cluster: Cluster, jars: Path) -> None:
    """Make what is missing; an interrupted start is taken up again. Settings are written every time: they may have changed."""
    (cluster.data / "log4j2.properties").write_text(settings.LOG4J)
    for broker in cluster.brokers:
        broker.home.mkdir(exist_ok=True)
        broker.properties.write_text(settings.as_text(settings.properties(cluster, broker)))
    passwords = tls.prepare(cluster) if cluster.secure else {}
    java.format_directories(cluster, jars, passwords)


def _launch_and_wait(cluster: Cluster, due: tuple[Broker, ...], jars: Path) -> None:
    _check_ports(due, "end that one, or make another cluster with --data DIR --port 0")
    log_starts = {broker.id: _size(broker.log) for broker in due}
    say(f"starting broker {_names(due)} of {len(cluster.brokers)} ({jars.name})")
    try:
        command = java.broker_command(cluster, jars)
        _wait_until_ready(cluster, {broker.id: process.launch(broker, command) for broker in due})
    except BaseException as error:
        process.end(due, signal.SIGKILL, KILL_TIMEOUT_S)
        if isinstance(error, ClusterError):
            raise ClusterError(f"{error}\n{_log_ends(due, log_starts)}") from None
        raise


def _wait_until_ready(cluster: Cluster, launched: dict[int, subprocess.Popen[bytes]]) -> None:
    started = time.monotonic()
    expected = {broker.id for broker in cluster.brokers}
    context = tls.admin_context(cluster) if cluster.secure else None
    for broker in cluster.brokers:
        port = broker.port if broker.mtls_port is None else broker.mtls_port
        while not expected <= ready.known_brokers(HOST, port, context):
            dead = [each for each, child in launched.items() if child.poll() is not None]
            if dead:
                raise ClusterError(f"broker {dead[0]} ended while starting")
            if time.monotonic() > started + START_TIMEOUT_S:
                raise ClusterError(f"broker {broker.id} was not ready within {START_TIMEOUT_S:.0f} s")
            time.sleep(POLL_S)
        if broker.id in launched:
            say(f"broker {broker.id} is ready after {time.monotonic() - started:.1f} s")


def _names(brokers: Iterable[Broker]) -> str:
    return ", ".join(str(broker.id) for broker in brokers)


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _log_ends(brokers: tuple[Broker, ...], log_starts: dict[int, int]) -> str:
    """Return what each broker has said since this start."""
    parts = []
    for broker in brokers:
        with broker.log.open("rb") as log:
            log.seek(log_starts[broker.id])
            lines = log.read().decode(errors="replace").splitlines()
        parts += [f"the end of {broker.log}:", *(f"    {line}" for line in lines[-LOG_LINES:])]
    return "\n".join(parts)


# ---------------------------------------------------------------- stop and kill


def stop(cluster: Cluster, broker_id: int | None) -> None:
    """SIGTERM; who has not ended by the deadline gets SIGKILL, which loses nothing acknowledged either."""
    slow = tuple(process.end(cluster.chosen(broker_id), signal.SIGTERM, STOP_TIMEOUT_S))
    if slow:
        say(
            f"broker {', '.join(str(broker.id) for broker in slow)} did not end within {STOP_TIMEOUT_S:.0f} s: killing it"
        )
        _kill(slow)


def kill(cluster: Cluster, broker_id: int | None) -> None:
    _kill(cluster.chosen(broker_id))


def _kill(brokers: tuple[Broker, ...]) -> None:
    left = process.end(brokers, signal.SIGKILL, KILL_TIMEOUT_S)
    if left:
        raise ClusterError(f"broker {left[0].id} is still there {KILL_TIMEOUT_S:.0f} s after SIGKILL")
