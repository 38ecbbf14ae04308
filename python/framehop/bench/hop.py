"""Measures the hop and the ring against peers: everyone in turns, in fresh processes, every other round in reverse order."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from framehop._core import __version__ as framehop_build
from framehop.bench.machine import Others, before, describe, during, look
from framehop.bench.one_run import MODULE
from framehop.bench.results import Result, Round, WayRun, result_of
from framehop.bench.works import WORKS, missing, ways_of
from framehop.config.environment import make_runtime_dir
from framehop.errors import ProcessError
from framehop.interpreter import run_module

RUN_S = 120.0
_PACKAGES = ("numpy", "pyzmq", "iceoryx2", "imagezmq", "simplejpeg", "opencv-python-headless", "imagecodecs")


def measure(rounds: int, say: Callable[[str], None], *, share: float = 1.0) -> Result:
    """Measure for so many rounds, at least 1. `say`: is told what is done. `share`: of the usual trips, for a quick look. Takes
    about half a minute a round. Raises ProcessError when a run fails; Ctrl-C ends it, and nothing is left behind."""
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    lacking = missing()
    turns = [(work, who) for work in WORKS for who in ways_of(work, lacking)]
    warnings: list[str] = []
    taken = []
    with _directory() as directory:
        for number in range(rounds):
            load = look()
            warnings += before(load, first=number == 0)
            say(f"round {number + 1} of {rounds}")
            order = turns if number % 2 == 0 else turns[::-1]
            with Others() as others:
                runs = _round(order, directory, share, say)
            warnings += during(others.busy_cores)
            taken.append(Round(load=load, order=order, runs=runs, others_busy_cores=others.busy_cores))
    return result_of(
        started_at=started_at,
        machine=describe(_PACKAGES, None, {"framehop": framehop_build}),
        warnings=list(dict.fromkeys(warnings)),
        missing=lacking,
        rounds=taken,
    )


@contextmanager
def _directory() -> Iterator[Path]:
    """Make a directory for sockets, with a short path."""
    directory = make_runtime_dir()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _round(
    order: list[tuple[str, str]], directory: Path, share: float, say: Callable[[str], None]
) -> dict[str, dict[str, WayRun]]:
    runs: dict[str, dict[str, WayRun]] = {work: {} for work, _ in order}
    for work, who in order:
        place = directory / "run"
        place.mkdir(mode=0o700)
        try:
            runs[work][who] = run = _run(work, who, place, max(1, int(WORKS[work].count * share)))
        finally:
            shutil.rmtree(place, ignore_errors=True)
        say(f"  {work}: {who}: {run.p50_us:,.1f} µs, {run.cpu_us:,.1f} CPU-µs a trip")
    return runs


def _run(work: str, who: str, place: Path, count: int) -> WayRun:
    """Have one way measured in a process of its own. If it must be ended, so is what it started."""
    command = [*run_module(MODULE), work, who, str(place), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0) as process:
        try:
            said, complaint = process.communicate(timeout=RUN_S)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            raise ProcessError(f"{work}: {who} was not done within {RUN_S:.0f} s: is the machine busy?") from error
        except BaseException:  # Ctrl-C reaches us alone
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise ProcessError(f"{work}: {who} ended with status {process.returncode}: {last[0]}")
    return msgspec.json.decode(said, type=WayRun)
