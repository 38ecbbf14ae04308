"""The parts of a picture in which the motion gate looks for motion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framehop.regions import Polygon


def watched(polygons: Sequence[Polygon], columns: int, rows: int) -> NDArray[np.bool_]:
    """Return bool [rows, columns]: which cells of a grid over the picture have their centre in no polygon."""
    seen = np.ones((rows, columns), np.bool_)
    xs = (np.arange(columns) + 0.5) / columns
    for points in polygons:
        polygon = np.array(points, np.float64)
        for row in range(rows):
            seen[row] &= ~_inside(polygon, xs, (row + 0.5) / rows)
    return seen


def _inside(polygon: NDArray[np.float64], xs: NDArray[np.float64], y: float) -> NDArray[np.bool_]:
    """Return bool [n]: whether (x, y) lies in a polygon, by the even-odd rule."""
    begins, ends = polygon, np.roll(polygon, -1, axis=0)
    level = (begins[:, 1] > y) != (ends[:, 1] > y)
    (x1, y1), (x2, y2) = begins[level].T, ends[level].T
    crossings = x1 + (y - y1) / (y2 - y1) * (x2 - x1)
    odd: NDArray[np.bool_] = (crossings[:, None] > xs).sum(axis=0) % 2 == 1
    return odd
