"""The peers: a loop of `session.run` on tensors that are there, and one that fills them and reads the boxes, as a detector does.

python -m benchmarks.batching.bare WHO JOB: prints its report as JSON.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.batching.meter import Meter
from benchmarks.batching.results import RUN, Job, Run
from benchmarks.batching.workload import PICTURES, Places, by_itself, groups, one_at_a_time, under_load
from benchmarks.whole_worker.bare import Decoded, Parts, found_by
from benchmarks.whole_worker.workload import MODEL, Item
from framehop.inference.postprocess import Objects
from framehop.inference.tensors import InputArray


class Loop(Protocol):
    """The work on the pictures of one run. What `run` returns is turned into boxes by `objects` once the clock has stopped."""

    def lane(self) -> Loop:
        """Return the same work for another thread."""
        ...

    def run(self, places: Places) -> Any: ...
    def objects(self, places: Places, ran: Any) -> list[Objects]: ...


class WholeLoop:
    """Resizes, normalises, runs the network and reads the boxes."""

    def __init__(self, parts: Parts, decoded: Sequence[Decoded]) -> None:
        self._parts, self._decoded = parts, decoded

    def lane(self) -> WholeLoop:
        return WholeLoop(self._parts.lane(), self._decoded)

    def run(self, places: Places) -> list[Objects]:
        return self._parts.detect([self._decoded[place] for place in places])

    def objects(self, _places: Places, ran: list[Objects]) -> list[Objects]:
        return ran


class RunLoop:
    """Runs the network on tensors that were filled before, and nothing else. It has no state of a thread's own."""

    def __init__(self, parts: Parts, decoded: Sequence[Decoded], runs: Sequence[Places]) -> None:
        self._parts, self._decoded = parts, decoded
        self._filled = {places: self._fill(places) for places in runs}

    def _fill(self, places: Places) -> tuple[InputArray, NDArray[np.float64]]:
        batch, transforms = self._parts.tensor.fill([self._decoded[place][0] for place in places])
        return batch.copy(), transforms.copy()

    def lane(self) -> RunLoop:
        return self

    def run(self, places: Places) -> list[NDArray[np.float32]]:
        return self._parts.infer(self._filled[places][0])

    def objects(self, places: Places, ran: list[NDArray[np.float32]]) -> list[Objects]:
        return self._parts.objects(ran, self._filled[places][1], [self._decoded[place] for place in places])


def run(who: str, job: Job) -> Run:
    loop = _loop(who, job)
    meter = Meter(job.lead, job.measured, lambda: {"bare": time.process_time()})
    ran = _at_full_load(loop, job, meter)
    found = {under_load(place): objects for place, objects in _by_place(loop, ran)}
    alone_ms = []
    for place, took_ms, one in one_at_a_time(job.alone, lambda place: loop.run((place,))):
        alone_ms.append(took_ms)
        [found[by_itself(place)]] = loop.objects((place,), one)
    items = [Item(name, b"") for name in found]
    return Run(full=meter.result(), alone_ms=alone_ms, found=found_by(items, list(found.values())))


def _loop(who: str, job: Job) -> Loop:
    parts = Parts(MODEL, batch=job.case.batch, threads=job.case.threads)
    decoded: list[Decoded] = [(picture, job.size) for picture in np.load(job.pictures)]
    alone = [(place,) for place in range(PICTURES)]
    return RunLoop(parts, decoded, [*groups(job.case.batch), *alone]) if who == RUN else WholeLoop(parts, decoded)


def _at_full_load(loop: Loop, job: Job, meter: Meter) -> dict[Places, Any]:
    """Run full batches, each of them in the thread that comes next, until the meter has enough; return the last run of each."""
    ran: dict[Places, Any] = {}
    turns = cycle(groups(job.case.batch))  # `next` on it is atomic

    def work(lane: Loop) -> None:
        while not meter.over:
            places = next(turns)
            ran[places] = lane.run(places)
            meter.done(len(places))

    with ThreadPoolExecutor(job.case.lanes) as pool:
        list(pool.map(work, [loop.lane() for _ in range(job.case.lanes)]))
    return ran


def _by_place(loop: Loop, ran: dict[Places, Any]) -> Iterator[tuple[int, Objects]]:
    for places, one in ran.items():
        yield from zip(places, loop.objects(places, one), strict=True)


def main() -> int:
    who, job = sys.argv[1], msgspec.json.decode(sys.argv[2], type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(run(who, job)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
