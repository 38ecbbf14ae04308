"""One way of a work, in processes of its own: the near one starts the far ones, is timed, and prints a Run as JSON.

    python -m framehop.bench.one_run WORK WHO PLACE TRIPS [NUMBER]

With a number it is that far process, and prints the CPU seconds that its trips took.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from framehop import _core
from framehop.bench.results import run_of
from framehop.bench.trips import PATIENCE_S, SlotTrips
from framehop.bench.works import WORKS
from framehop.errors import ProcessError
from framehop.interpreter import run_module

MODULE = "framehop.bench.one_run"
_MOST_WARM_UP = 100


def main(arguments: list[str]) -> int:
    """Play the part that the arguments say. What it says is one line of JSON on stdout."""
    work, who, place, count, *number = arguments
    if number:
        answer = msgspec.json.encode(_far(work, who, Path(place), int(count), int(number[0])))
    else:
        answer = msgspec.json.encode(_near(arguments, work, who, Path(place), int(count)))
    sys.stdout.buffer.write(answer + b"\n")
    return 0


def _near(arguments: list[str], work: str, who: str, place: Path, count: int) -> object:
    way = WORKS[work].ways[who]()
    with ExitStack() as stack:
        trips = stack.enter_context(way.near(place))
        numbers = range(way.readers if way.far else 0)
        others = [stack.enter_context(_started([*arguments, str(number)])) for number in numbers]
        trips(_warm_up(count))
        before_s = _cpu_s()
        taken_ns = trips(count)
        used_s = _cpu_s() - before_s
        copies = trips.copies if isinstance(trips, SlotTrips) else None
        return run_of(taken_ns, near_cpu_s=used_s, cpu_s=used_s + sum(map(_said, others)), copies=copies)


def _far(work: str, who: str, place: Path, count: int, number: int) -> float:
    _core.die_with_parent(os.getppid())
    way = WORKS[work].ways[who]()
    assert way.far is not None
    with way.far(place, number) as answers:
        answers(_warm_up(count))
        before_s = _cpu_s()
        answers(count)
        used_s = _cpu_s() - before_s
        sys.stdin.buffer.read()  # until the near process has heard the last answer: closing would cut it off
        return used_s


@contextmanager
def _started(arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([*run_module(MODULE), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def _said(process: subprocess.Popen[bytes]) -> float:
    said, _ = process.communicate(timeout=PATIENCE_S)
    if process.returncode:
        raise ProcessError(f"the far process of the measurement ended with status {process.returncode}")
    return msgspec.json.decode(said, type=float)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _warm_up(count: int) -> int:
    return min(_MOST_WARM_UP, max(1, count // 10))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
