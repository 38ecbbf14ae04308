"""The peer: one process with a queue of pictures, oldest first, and a thread per core that decodes and detects. Nothing else."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.open_loop.results import Run
from benchmarks.open_loop.schedule import Due, Offer, paced, schedule
from benchmarks.whole_worker.bare import Parts, buffers_for
from benchmarks.whole_worker.workload import MODEL, Item, read_items

Waiting = queue.SimpleQueue[tuple[float, Item, list[float]] | None]


def run(items: Sequence[Item], offer: Offer) -> Run:
    cores = len(os.sched_getaffinity(0))
    parts = Parts(MODEL, batch=1, threads=1)
    lanes, buffers = [parts.lane() for _ in range(cores)], buffers_for(parts, items, cores)
    for lane, buffer in zip(lanes, buffers, strict=True):
        lane.detect([lane.decode(items[0].payload, buffer)])
    waiting: Waiting = queue.SimpleQueue()
    threads = [
        threading.Thread(target=_work, args=(lane, buffer, waiting))
        for lane, buffer in zip(lanes, buffers, strict=True)
    ]
    for thread in threads:
        thread.start()
    late_ms: list[float] = []
    start_s = time.monotonic()
    run_in, counted = schedule(offer)
    _offer(waiting, items, offer, run_in, start_s, [])
    cpu_s = time.process_time()
    _offer(waiting, items, offer, counted, start_s, late_ms)
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.join()
    return Run(late_ms=late_ms, cpu_s=time.process_time() - cpu_s)


def _offer(
    waiting: Waiting, items: Sequence[Item], offer: Offer, dues: Sequence[Due], start_s: float, late_ms: list[float]
) -> None:
    for due in paced(dues, start_s):
        waiting.put((start_s + due.at_s, items[offer.place(due.camera, due.seq, len(items))], late_ms))


def _work(lane: Parts, buffer: NDArray[np.uint8], waiting: Waiting) -> None:
    while (taken := waiting.get()) is not None:
        due_s, item, late_ms = taken
        lane.detect([lane.decode(item.payload, buffer)])
        late_ms.append((time.monotonic() - due_s) * 1000)


def main() -> int:
    """Arguments: the log that has the pictures, how many, and the offer as JSON."""
    items = read_items(Path(sys.argv[1]), 0, int(sys.argv[2]))
    sys.stdout.buffer.write(msgspec.json.encode(run(items, msgspec.json.decode(sys.argv[3], type=Offer))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
