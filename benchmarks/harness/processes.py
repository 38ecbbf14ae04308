"""Fresh processes: started, heard out, and what CPU they used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 1800.0
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class BenchmarkError(Exception):
    """The benchmark could not be carried out, or what it measured means nothing."""


def run_fresh(module: str, *args: str, environment: Mapping[str, str] | None = None) -> bytes:
    """Run a module of the benchmarks in a process of its own, and return what it prints. Its errors go where ours go. If it must be
    ended, so is what it started. `environment`: its own; default: ours."""
    command = [sys.executable, "-m", module, *args]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, process_group=0, env=environment) as process:
        try:
            printed, _ = process.communicate(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            raise BenchmarkError(f"{module} did not end within {DEADLINE_S:.0f} s") from error
        except BaseException:  # Ctrl-C reaches us alone
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        raise BenchmarkError(f"{module} ended with status {process.returncode}: see its message above")
    return printed


def cpu_by_process(root_pid: int) -> dict[str, float]:
    """CPU seconds so far of a process and all its living descendants, by the name each was given with `--name`, else by its
    program's. Resolution: a clock tick, usually 10 ms. What ended before is left out, so nothing may end meanwhile."""
    used: dict[str, float] = {}
    for pid in _family(root_pid):
        try:
            name, seconds = _name(pid), cpu_seconds(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        used[name] = used.get(name, 0.0) + seconds
    return used


def find(root_pid: int, name: str, timeout_s: float) -> int:
    """The process of that name among the descendants; waits for it."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        with suppress(FileNotFoundError, ProcessLookupError):  # what ends meanwhile
            for pid in _family(root_pid):
                if _name(pid) == name:
                    return pid
        time.sleep(0.01)
    raise BenchmarkError(f"no process {name} within {timeout_s:.0f} s")


def _family(pid: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        children += map(int, task.read_text().split())
    return [pid, *(each for child in children for each in _family(child))]


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    if "--name" in words[:-1]:
        return words[words.index("--name") + 1]
    return Path(words[0]).name


def cpu_seconds(pid: int) -> float:
    """CPU seconds so far of one process. Resolution: a clock tick, usually 10 ms."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) * _TICK_S
