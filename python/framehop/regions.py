"""The parts of pictures in which objects count, as a user gives them. Importing this imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import msgspec

from framehop.errors import ConfigError
from framehop.patterns import check_patterns

Units = Literal["share", "pixels"]
Anchor = Literal["bottom", "centre", "any"]
Point = tuple[float, float]
Polygon = tuple[Point, ...]

# Together they bound the work for a picture: an object is compared with at most 10,000 edges.
MAX_POINTS = 200
MAX_POLYGONS = 50
MAX_SIDE = 65_535  # pixels; a JPEG has no more
_UNITS, _ANCHORS = get_args(Units), get_args(Anchor)


class Regions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parts of a stream's pictures in which objects count.

    `include`: polygons; an object must lie in one of them; empty means the whole picture. `exclude`: polygons; an object in one of
    them does not count. `units`: whether points are shares of width and height, 0–1, or source pixels. `anchor`: what of a box must
    lie in a polygon: the middle of its lower side, its centre, or any part of it.

    A polygon is closed by itself, and its border belongs to it. Where it crosses itself the even-odd rule holds: a point is inside
    if a ray from it crosses the outline an odd number of times.
    """

    include: tuple[Polygon, ...] = ()
    exclude: tuple[Polygon, ...] = ()
    units: Units = "share"
    anchor: Anchor = "bottom"


def check_regions(regions: Mapping[str, Regions]) -> None:
    """Raise ConfigError naming the pattern and the polygon that cannot be used. Keys are patterns of stream ids."""
    check_patterns("regions", regions)
    for pattern, each in regions.items():
        if not isinstance(each, Regions):
            raise ConfigError(f"regions: those of {pattern!r} must be Regions(include=…), not {each!r:.64}")
        _check(pattern, each)


def _check(pattern: str, regions: Regions) -> None:
    if regions.units not in _UNITS or regions.anchor not in _ANCHORS:
        raise ConfigError(
            f"regions: {pattern}: units are {' or '.join(_UNITS)}, anchor is one of {', '.join(_ANCHORS)}"
        )
    if len(regions.include) + len(regions.exclude) > MAX_POLYGONS:
        raise ConfigError(f"regions: {pattern}: more than {MAX_POLYGONS} polygons")
    limit = MAX_SIDE if regions.units == "pixels" else 1
    for name, polygons in (("include", regions.include), ("exclude", regions.exclude)):
        for index, points in enumerate(polygons):
            check_polygon(points, f"regions: {pattern}: {name}[{index}]", limit)


def check_polygon(points: Sequence[Point], where: str, limit: int) -> None:
    """Raise ConfigError, which begins with `where`, unless the points outline an area with coordinates from 0 to `limit`."""
    polygon = _points(points, where)
    if not 3 <= len(polygon) <= MAX_POINTS:
        raise ConfigError(f"{where} has {len(polygon)} points: a polygon has 3 to {MAX_POINTS}")
    _check_points(polygon, where, limit)


def _points(points: Sequence[Point], where: str) -> Polygon:
    try:
        return tuple((float(x), float(y)) for x, y in points)
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigError(f"{where} is no list of points [x, y]") from error


def _check_points(polygon: Polygon, where: str, limit: int) -> None:
    outside = next((point for point in polygon if not all(0 <= value <= limit for value in point)), None)
    if outside is not None:
        x, y = outside
        instead = "; write units: pixels if these are pixels" if limit == 1 else ""
        raise ConfigError(f"{where} has the point [{x:g}, {y:g}], and 0 to {limit} is allowed{instead}")
    if any(len(set(values)) == 1 for values in zip(*polygon, strict=True)):
        raise ConfigError(f"{where} has no area: its points lie in one line")
