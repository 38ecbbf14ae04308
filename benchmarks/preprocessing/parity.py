"""Compares tensors: figures of others mean something only if they made the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.processes import BenchmarkError
from benchmarks.preprocessing.cases import Case, Work

# OpenCV weighs with 11 bits and rounds to bytes between its steps, DALI and NumPy count in floats.
MOST_LEVELS = 1.5
# The root of the mean square, in grey levels: decoders scale differently, so pixels differ at edges, not pictures.
MOST_RMS = 12.0

Tensors = NDArray[np.float32]


def difference(case: Case, work: Work, ours: Tensors, theirs: Tensors, *, who: str) -> float:
    """Return how far they are apart in grey levels: at most, or in the root of the mean square for JPEGs. Raises BenchmarkError if
    that is too far."""
    if ours.shape != theirs.shape:
        raise BenchmarkError(f"{who} makes {theirs.shape} where framehop makes {ours.shape}")
    apart = np.abs(ours.astype(np.float64) - theirs) / case.scale
    found = float(apart.max() if work == "pixels" else np.sqrt(np.square(apart).mean()))
    if not found <= (MOST_LEVELS if work == "pixels" else MOST_RMS):
        raise BenchmarkError(f"{who}, {case.name} from {work}: {found:.2f} grey levels from framehop's tensors")
    return round(found, 4)
