"""The options of the motion gate. Importing this imports nothing heavy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from framehop.errors import ConfigError
from framehop.patterns import check_patterns
from framehop.regions import MAX_POLYGONS, Polygon, check_polygon

When = Literal["always", "motion"]

MAX_KEEP_S = 86_400.0


class Motion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings by which motion is looked for. `keep_s`: a frame is looked at after so many seconds even if nothing moves.
    `masks`: by pattern of stream ids, of which the first that fits holds, polygons of points [x, y] as shares of width and height,
    0 to 1, in which motion does not count, such as leaves and a clock in the picture."""

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
        check_polygon(points, f"{where}[{index}]", 1)
