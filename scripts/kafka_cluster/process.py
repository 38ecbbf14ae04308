"""A broker's process, found again by its pid file. A pid counts only while that process runs exactly this broker, and signals
go by pidfd: a pid that the kernel has given to somebody else is never hit."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from scripts.kafka_cluster.layout import Broker

MAIN_CLASS = "kafka.Kafka"


def launch(broker: Broker, java: list[str]) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, where no terminal's hang-up or Ctrl-C reaches it."""
    with broker.log.open("ab") as log:
        process = subprocess.Popen(
            [*java, MAIN_CLASS, str(broker.properties)],
            cwd=broker.home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _pid_file(broker).write_text(f"{process.pid}\n")
    return process


def pid_of(broker: Broker) -> int | None:
    try:
        pid = int(_pid_file(broker).read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")  # a zombie's is empty
    except (OSError, ValueError):
        return None
    return pid if command[-3:] == [MAIN_CLASS.encode(), os.fsencode(broker.properties), b""] else None


def end(brokers: tuple[Broker, ...], sent: signal.Signals, timeout_s: float) -> list[Broker]:
    """Send them the signal, and wait for their ends; returns those that still run."""
    deadline = time.monotonic() + timeout_s
    with ExitStack() as stack:
        handles = [(broker, stack.enter_context(_handle(broker))) for broker in brokers]
        for _, handle in handles:
            if handle is not None:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, sent)
        return [broker for broker, handle in handles if handle is not None and not _ended(handle, deadline)]


@contextmanager
def _handle(broker: Broker) -> Iterator[int | None]:
    """A pidfd of the broker; None when it does not run."""
    pid = pid_of(broker)
    try:
        handle = None if pid is None else os.pidfd_open(pid)
    except ProcessLookupError:
        handle = None
    try:
        yield handle if pid_of(broker) == pid else None  # not the same: it ended before there was a pidfd
    finally:
        if handle is not None:
            os.close(handle)


def _ended(handle: int, deadline: float) -> bool:
    return bool(select.select([handle], [], [], max(deadline - time.monotonic(), 0))[0])


def _pid_file(broker: Broker) -> Path:
    return broker.home / "pid"
