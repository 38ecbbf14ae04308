"""Servers of live frames and those who watch them, as processes."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.system.harness import House


def end(process: subprocess.Popen[bytes]) -> str:
    """Stop a process; returns what it wrote for people."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
    return process.communicate(timeout=60)[1].decode()


@contextlib.contextmanager
def serving(
    house: House, *args: str | Path, under: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server of frames, and its address."""
    server = house.start("serve-frames", *args, under=under)
    try:
        assert server.stderr is not None
        line = server.stderr.readline().decode()
        found = re.search(r"tcp://(\S+)", line)
        assert found, line
        yield server, found[1]
    finally:
        end(server)


def watch(house: House, address: str, *args: str | Path, under: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    done = house.framehop("watch-frames", address, "--frames", "3", "--json", *args, under=under)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
