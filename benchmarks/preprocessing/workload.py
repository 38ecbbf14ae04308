"""The pictures: the same four, as JPEGs and as pixels, in each size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.preprocessing.cases import CASES, Work
from benchmarks.whole_worker.workload import pictures
from framehop import decode_jpeg

VIEWS = 8  # different pictures; more would only fall out of the caches of small machines


def prepare(directory: Path, names: Sequence[str]) -> None:
    """Write what each of these cases and works is given into a directory of its own."""
    cases = [CASES[name] for name in names]
    for width, height in sorted({(case.width, case.height) for case in cases}):
        jpegs = list(islice(pictures(2, width, height), VIEWS))
        for case in (case for case in cases if (case.width, case.height) == (width, height)):
            for number, jpeg in enumerate(jpegs):
                _in(directory, "jpeg", case.name).joinpath(f"{number}.jpg").write_bytes(jpeg)
                np.save(_in(directory, "pixels", case.name) / f"{number}.npy", decode_jpeg(jpeg))


def place_of(directory: Path, work: Work, case: str) -> Path:
    return directory / f"{work} {case}"


def _in(directory: Path, work: Work, case: str) -> Path:
    path = place_of(directory, work, case)
    path.mkdir(exist_ok=True)
    return path
