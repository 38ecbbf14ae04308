"""The options of the motion gate, and the parts of a picture that it does not look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from framehop.errors import ConfigError
from framehop.patterns import check_patterns
from framehop.regions import MAX_POLYGONS, Polygon, checked_polygon

When = Literal["always", "motion"]

MAX_KEEP_S = 86_400.0


class Motion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How motion is looked for. `keep_s`: a frame is looked at after so many seconds even if nothing moves. `masks`: by pattern of
    stream ids, of which the first that fits holds, polygons of points [x, y] as shares of width and height, 0 to 1, in which motion
    does not count, such as leaves and a clock in the picture."""

    keep_s: float = 10.0
    masks: dict[str, tuple[Polygon, ...]] = {}

    def __post_init__(self) -> None:
        if not (math.isfinite(self.keep_s) and 0 < self.keep_s <= MAX_KEEP_S):
            raise ConfigError(f"motion: keep_s must be more than 0 and at most {MAX_KEEP_S:.0f}, not {self.keep_s}")
        check_patterns("motion: masks", self.masks)
        for pattern, polygons in self.masks.items():
            _check_polygons(f"motion: masks: {pattern}", polygons)


def _check_polygons(where: str, polygons: Sequence[Polygon]) -> None:
    if len(polygons) > MAX_POLYGONS:
        raise ConfigError(f"{where}: more than {MAX_POLYGONS} polygons")
    for index, points in enumerate(polygons):
        checked_polygon(points, f"{where}[{index}]", 1)


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
