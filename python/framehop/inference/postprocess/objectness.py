"""Scores of the families whose boxes have an objectness beside their class scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framehop.inference.postprocess.candidates import best_classes, floats
from framehop.inference.postprocess.rows import Array, expect


def likely_classes(
    name: str, raw: Array, threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the rows of `raw` that score objectness × class ≥ `threshold`, with class and score; see best_classes.

    `raw`: [A, 5 + C], of output `name`: four numbers of the box, objectness, class scores. A class scores at most 1, so
    objectness alone rules out most rows before a product is made. Raises ModelError without a class."""
    expect(f"{name}[5:]", raw[:, 5:], (len(raw), None))
    likely = np.flatnonzero(floats(raw[:, 4]) >= threshold)
    with np.errstate(over="ignore"):
        scores = floats(raw[likely, 4:5]) * floats(raw[likely, 5:])
    within, classes, best = best_classes(scores, threshold)
    return likely[within], classes, best
