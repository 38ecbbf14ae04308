"""Describes the machine on which figures were taken, and whether it was ours alone."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Self

import msgspec

LOOK_S = 1.0
QUIET_LOAD = 1.0
QUIET_CORES = 0.2
AVERAGE_AT_START = os.getloadavg()[0]
_BUSY_FIELDS = (0, 1, 2, 5, 6, 7)  # of /proc/stat: user, nice, system, irq, softirq, steal


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    cpu: str
    cores: int
    memory_bytes: int
    kernel: str
    python: str
    versions: dict[str, str]
    commit: str


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """The work of others before a round. `average`: the load average over a minute when the benchmark was started, before it made
    anything. `busy_cores`: cores in use over one second during which the benchmark only waited."""

    average: float
    busy_cores: float


def describe(distributions: tuple[str, ...], root: Path | None, others: dict[str, str]) -> Machine:
    """Describe the machine, with the versions of these distributions and with `others`, whose versions are known already.
    `root`: the repository whose commit is measured; None for an installed package, whose version says it."""
    return Machine(
        cpu=_field(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        kernel=platform.release().partition("-")[0],
        python=platform.python_version(),
        versions=others | {name: _version(name) for name in distributions},
        commit=_commit(root) if root else "",
    )


def look() -> Load:
    """Takes a second."""
    before, began = busy_seconds(), time.monotonic()
    time.sleep(LOOK_S)
    return Load(average=AVERAGE_AT_START, busy_cores=round((busy_seconds() - before) / (time.monotonic() - began), 3))


def before(load: Load, *, first: bool) -> list[str]:
    """The reason why a round that starts under this load proves nothing; empty when the machine is quiet."""
    found = []
    if first and load.average > QUIET_LOAD:
        found.append(f"the load average was {load.average:.1f} when the benchmark was started")
    if load.busy_cores > QUIET_CORES:
        found.append(f"others used {load.busy_cores:.2f} cores before a round")
    return found


def during(busy_cores: float) -> list[str]:
    """The reason why a round that is over proves nothing; empty when the machine was quiet."""
    return [f"others used {busy_cores:.2f} cores during a round"] if busy_cores > QUIET_CORES else []


class Others:
    """Cores used by others while inside: all that the machine did, less this process and its children that have ended.

    `part_of_it_s`: CPU seconds so far of what belongs to the measurement and is not of this family, such as a broker."""

    busy_cores = 0.0

    def __init__(self, part_of_it_s: Callable[[], float] = lambda: 0.0) -> None:
        self._part_of_it_s = part_of_it_s

    def __enter__(self) -> Self:
        self._began = self._look()
        return self

    def __exit__(self, *exc: object) -> None:
        wall_s, busy_s, own_s = (now - then for now, then in zip(self._look(), self._began, strict=True))
        self.busy_cores = round(max(0.0, busy_s - own_s) / wall_s, 3)

    def _look(self) -> tuple[float, float, float]:
        return time.monotonic(), busy_seconds(), _own_seconds() + self._part_of_it_s()


def _own_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def busy_seconds() -> float:
    """CPU seconds spent on this machine by anyone, and stolen from it, since it started."""
    with Path("/proc/stat").open() as file:
        fields = [int(field) for field in file.readline().split()[1:]]
    return sum(fields[i] for i in _BUSY_FIELDS) / os.sysconf("SC_CLK_TCK")


def _field(path: Path, name: str) -> str:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def _commit(root: Path) -> str:
    """Short hash, with a + when tracked files were changed; empty outside a repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--dirty=+"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
