"""The oracle for what heads look for among scores: the same in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_classes(
    scores: NDArray[np.float32], threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the rows of `scores` (float32 [A, C], finite) whose best class reaches `threshold`, with that class and its score."""
    rows = np.flatnonzero((scores >= np.float32(threshold)).any(axis=1))
    classes = scores[rows].argmax(axis=1)
    return rows, classes, scores[rows, classes]
