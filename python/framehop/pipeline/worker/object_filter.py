"""Keeps objects by their size and by their place in the picture, stream by stream."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from framehop.patterns import FirstFit
from framehop.regions import Anchor, Polygon, Regions, check_regions
from framehop.types import DetectedObject

logger = logging.getLogger(__name__)

Size = tuple[int, int]
Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


class ObjectFilter:
    """Drops objects that are too small or lie elsewhere. Use from one thread at a time."""

    def __init__(self, regions: Mapping[str, Regions], *, min_size_px: float = 0.0) -> None:
        """Filter by `regions`. Their keys are patterns of stream ids, with `*` and `?`; the first pattern that fits holds.
        `min_size_px`: source pixels that a box needs in width and in height. Raises ConfigError."""
        check_regions(regions)
        self._areas = FirstFit({key: _Area.of(each) for key, each in regions.items()})
        self._min_size_px = min_size_px
        self._told: set[str] = set()

    def keep(self, stream: str, picture: Size, objects: list[DetectedObject]) -> list[DetectedObject]:
        """Return those `objects` that are large enough and lie where they count. `picture`: (width, height) in source pixels."""
        area = self._areas.of(stream)
        if not objects or (area is None and self._min_size_px <= 0):
            return objects
        boxes = np.array([found.box for found in objects], np.float64)
        kept: Flags = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) >= self._min_size_px
        if area is not None:
            self._tell_if_outside(stream, area, picture)
            kept &= area.holds(boxes, picture)
        return list(compress(objects, kept))

    def _tell_if_outside(self, stream: str, area: _Area, picture: Size) -> None:
        """Warn once of regions in pixels that were drawn for a larger picture: they would drop objects without a word."""
        if stream in self._told or not area.leaves(picture):
            return
        self._told.add(stream)
        logger.warning(
            "stream %s: its regions reach beyond its pictures, which have %d x %d pixels: draw them anew, or in shares",
            stream,
            *picture,
        )


@dataclass(frozen=True, slots=True)
class _Area:
    """Regions made ready: polygons as float64 [n, 2]."""

    include: tuple[Values, ...]
    exclude: tuple[Values, ...]
    in_pixels: bool
    anchor: Anchor

    @classmethod
    def of(cls, regions: Regions) -> _Area:
        """Convert what `check_regions` has passed."""
        return cls(_arrays(regions.include), _arrays(regions.exclude), regions.units == "pixels", regions.anchor)

    def leaves(self, picture: Size) -> bool:
        polygons = self.include + self.exclude
        return self.in_pixels and any((polygon > picture).any() for polygon in polygons)

    def holds(self, boxes: Values, picture: Size) -> Flags:
        """Return bool [k]: whether objects with these boxes, float64 [k, 4] in source pixels, count."""
        anchors = _anchors(boxes, self.anchor)
        if not self.in_pixels:
            anchors = anchors / np.tile(picture, 2)
        kept = _in_any(anchors, self.include) if self.include else np.ones(len(boxes), np.bool_)
        return kept & ~_in_any(anchors, self.exclude)


def _arrays(polygons: Sequence[Polygon]) -> tuple[Values, ...]:
    return tuple(np.array(points, np.float64) for points in polygons)


def _anchors(boxes: Values, anchor: Anchor) -> Values:
    """Return float64 [k, 4]: the part of each box that decides, as a box, which may be a point."""
    if anchor == "any":
        return boxes
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    if anchor == "bottom":
        centre[:, 1] = boxes[:, 3]
    return np.hstack([centre, centre])


def _in_any(boxes: Values, polygons: Sequence[Values]) -> Flags:
    return functools.reduce(np.logical_or, (meets(boxes, each) for each in polygons), np.zeros(len(boxes), np.bool_))


def meets(boxes: Values, polygon: Values) -> Flags:
    """Return bool [k]: whether a box has a point in common with a polygon. `boxes`: float64 [k, 4]; one without an area is a point
    or a line. `polygon`: float64 [n, 2].

    If they have one, then an edge touches the box, or no edge does and all of the box is inside.
    """
    begins, ends = polygon, np.roll(polygon, -1, axis=0)
    touched: Flags = np.logical_or.reduce(_touches(boxes, begins, ends), axis=1)
    return touched | _encloses(boxes[:, :2], begins, ends)


def _touches(boxes: Values, begins: Values, ends: Values) -> Flags:
    """Return bool [k, n]: whether a segment touches a box. By the separating axis theorem they are apart if their shadows are, on
    the x axis, on the y axis, or across the segment."""
    centre, half = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2, (boxes[:, None, 2:] - boxes[:, None, :2]) / 2
    way = (ends - begins) / 2
    offset = (begins + ends) / 2 - centre
    together: Flags = np.logical_and.reduce(np.abs(offset) <= half + np.abs(way), axis=2)
    across = np.abs(offset[..., 0] * way[:, 1] - offset[..., 1] * way[:, 0])
    return together & (across <= half[..., 0] * np.abs(way[:, 1]) + half[..., 1] * np.abs(way[:, 0]))


def _encloses(points: Values, begins: Values, ends: Values) -> Flags:
    """Return bool [k]: whether a ray from a point to the right crosses an odd number of the edges."""
    x, y = points[:, :1], points[:, 1:]
    way = ends - begins
    level: Flags = (begins[:, 1] > y) != (ends[:, 1] > y)
    side = way[:, 0] * (y - begins[:, 1]) - way[:, 1] * (x - begins[:, 0])
    crossed = level & ((side > 0) == (way[:, 1] > 0))
    odd: Flags = crossed.sum(axis=1) % 2 == 1
    return odd
