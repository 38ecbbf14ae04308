"""One run, in a process of its own: times a way to make tensors. Imported by interpreters without framehop."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.preprocessing.cases import CASES, KEPT, WORKS, Case, Work

Tensor = NDArray[np.float32]
Picture = NDArray[np.uint8]
FromJpeg = Callable[[bytes], Tensor]
FromPixels = Callable[[Picture], Tensor]
Way = Callable[[Case, Work], FromJpeg | FromPixels]


def measure(ways: Mapping[str, Way]) -> None:
    """Run as the command line says: WHO WORK CASE DIRECTORY COUNT. Prints the figures, and keeps the first tensors in
    DIRECTORY/tensors.npy. A way may return the same memory each time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("who", choices=ways)
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("directory", type=Path)
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    make: Callable[[Any], Tensor] = ways[options.who](CASES[options.case], options.work)
    given: Sequence[Any] = _given(options.directory, options.work)
    kept = [make(each).copy() for each in given][:KEPT]
    np.save(options.directory / "tensors.npy", np.stack(kept))
    began, began_cpu = time.monotonic(), time.process_time()
    for turn in range(options.count):
        make(given[turn % len(given)])
    used = {"wall_s": time.monotonic() - began, "cpu_s": time.process_time() - began_cpu}
    print(json.dumps({"pictures": options.count, **used}))


def _given(directory: Path, work: Work) -> list[bytes] | list[Picture]:
    if work == "jpeg":
        return [path.read_bytes() for path in sorted(directory.glob("*.jpg"))]
    return [np.load(path) for path in sorted(directory.glob("[0-9]*.npy"))]
