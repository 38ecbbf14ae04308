"""The pictures that everyone gets, decoded before, and the order in which they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.whole_worker.bare import Parts
from benchmarks.whole_worker.workload import MODEL
from benchmarks.whole_worker.workload import PICTURES as PANS
from benchmarks.whole_worker.workload import pictures as pans
from framehop import decode_jpeg

PICTURES = 32  # as many as the ring of a worker has slots
PAUSE_S = 0.02  # before a picture that has the machine for itself: cores sleep in between, as at a camera's pace

Places = tuple[int, ...]
A = TypeVar("A")


def make(path: Path, size: tuple[int, int]) -> tuple[int, int]:
    """Write the pictures as a worker decodes them for the model, uint8 [P, H, W, 3], RGB; return (height, width)."""
    need = Parts(MODEL, batch=1, threads=1).need
    views = islice(pans(len(PANS), *size), PICTURES)
    pixels = [decode_jpeg(view, min_width=need.width, min_height=need.height, fit=need.fit) for view in views]
    np.save(path, np.stack(pixels))
    return pixels[0].shape[0], pixels[0].shape[1]


def groups(batch: int) -> list[Places]:
    """Return the pictures of each full batch, round their end if need be."""
    return [tuple((first + i) % PICTURES for i in range(batch)) for first in range(0, PICTURES, batch)]


def one_at_a_time(count: int, answer: Callable[[int], A]) -> Iterator[tuple[int, float, A]]:
    """Yield each picture's place, the milliseconds until `answer` had one for it, and that. They come round again and again, and
    nothing else is to be done meanwhile."""
    for number in range(count):
        place = number % PICTURES
        time.sleep(PAUSE_S)
        began_s = time.perf_counter()
        answered = answer(place)
        yield place, 1000 * (time.perf_counter() - began_s), answered


def under_load(place: int) -> str:
    """Return the name under which the boxes of a picture are kept that was one of many."""
    return f"load/{place}"


def by_itself(place: int) -> str:
    return f"alone/{place}"
