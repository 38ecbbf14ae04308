"""Regions and the least size: which objects count, and what is said about regions that cannot be."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framehop.errors import ConfigError
from framehop.pipeline.worker.object_filter import ObjectFilter, meets
from framehop.regions import MAX_POINTS, Point, Regions, check_regions
from framehop.types import DetectedObject

LEFT_HALF: Any = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
SIZE = (200, 100)


def seen(*boxes: tuple[float, float, float, float]) -> list[DetectedObject]:
    return [
        DetectedObject(label=str(index), label_id=index, confidence=0.9, box=box) for index, box in enumerate(boxes)
    ]


def kept(regions: Regions | dict[str, Regions], *boxes: tuple[float, float, float, float]) -> list[int]:
    by_stream = regions if isinstance(regions, dict) else {"*": regions}
    return [found.label_id for found in ObjectFilter(by_stream).keep("gate-1", SIZE, seen(*boxes))]


def test_without_regions_and_least_size_everything_is_kept() -> None:
    objects = seen((0, 0, 1, 1))
    assert ObjectFilter({}).keep("gate-1", SIZE, objects) is objects
    assert kept(Regions(), (0, 0, 1, 1)) == [0]


def test_a_box_needs_the_least_size_in_width_and_in_height() -> None:
    objects = seen((0, 0, 16, 16), (0, 0, 15.9, 90), (0, 0, 90, 15.9), (0, 0, 90, 90))
    found = ObjectFilter({}, min_size_px=16).keep("gate-1", SIZE, objects)
    assert [each.label_id for each in found] == [0, 3]


@pytest.mark.parametrize(
    ("anchor", "box", "counts"),
    [
        ("bottom", (10, 5, 20, 60), True),
        ("bottom", (10, 5, 20, 40), False),
        ("bottom", (10, 60, 20, 100), True),  # its lower side is the picture's, and the region's border
        ("centre", (10, 45, 20, 65), True),
        ("centre", (10, 5, 20, 60), False),
        ("any", (10, 5, 20, 51), True),
        ("any", (10, 5, 20, 49), False),
        ("any", (10, 5, 20, 50), True),  # it touches the border
        ("any", (-5, -5, 205, 105), True),  # the region lies in the box
        ("any", (50, 60, 60, 70), True),  # the box lies in the region
    ],
)
def test_the_anchor_is_what_must_lie_in_the_region(
    anchor: Any, box: tuple[float, float, float, float], counts: bool
) -> None:
    lower_half: Any = ((0, 0.5), (1, 0.5), (1, 1), (0, 1))
    assert bool(kept(Regions(include=(lower_half,), anchor=anchor), box)) is counts
    assert bool(kept(Regions(exclude=(lower_half,), anchor=anchor), box)) is not counts


def test_one_of_several_regions_is_enough_and_what_is_excluded_wins() -> None:
    right: Any = ((0.8, 0), (1, 0), (1, 1), (0.8, 1))
    top: Any = ((0, 0), (1, 0), (1, 0.2), (0, 0.2))
    boxes = ((10, 50, 20, 60), (180, 50, 190, 60), (120, 50, 130, 60), (10, 0, 20, 10))
    assert kept(Regions(include=(LEFT_HALF, right), exclude=(top,)), *boxes) == [0, 1]
    assert kept(Regions(exclude=(top,)), *boxes) == [0, 1, 2]


def test_regions_in_pixels() -> None:
    left: Any = ((0, 0), (100, 0), (100, 100), (0, 100))
    assert kept(Regions(include=(left,), units="pixels"), (80, 0, 110, 50), (95, 0, 110, 50)) == [0]


def test_where_a_polygon_crosses_itself_twice_is_outside() -> None:
    """A five-pointed star in one stroke: its middle is crossed an even number of times."""
    angles = np.pi * (np.array([0, 4, 8, 2, 6]) / 5 - 0.5)
    star = tuple((float(x), float(y)) for x, y in zip(50 + 40 * np.cos(angles), 50 + 40 * np.sin(angles), strict=True))
    tip, middle = (49, 18, 51, 22), (49, 49, 51, 51)
    assert kept(Regions(include=(star,), units="pixels", anchor="centre"), tip, middle) == [0]


def test_the_first_pattern_that_fits_a_stream_holds() -> None:
    everything, nothing = Regions(), Regions(exclude=(((0, 0), (1, 0), (1, 1), (0, 1)),))
    regions = {"gate-1": everything, "gate-*": nothing, "cam?": nothing}
    filtering, objects = ObjectFilter(regions), seen((1, 1, 2, 2))
    counts = {
        stream: len(filtering.keep(stream, SIZE, objects))
        for stream in ("gate-1", "gate-12", "GATE-2", "cam7", "cam77", "x")
    }
    assert counts == {"gate-1": 1, "gate-12": 0, "GATE-2": 1, "cam7": 0, "cam77": 1, "x": 1}


def test_nothing_found_stays_nothing() -> None:
    assert ObjectFilter({"*": Regions(include=(LEFT_HALF,))}, min_size_px=3).keep("gate-1", SIZE, []) == []


def test_regions_in_pixels_of_a_larger_picture_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    drawn_for_4k: Any = ((2000, 1000), (3840, 1000), (3840, 2160))
    filtering = ObjectFilter({"*": Regions(include=(drawn_for_4k,), units="pixels")})
    with caplog.at_level(logging.WARNING):
        for stream in ("gate-1", "gate-1", "gate-2"):
            assert filtering.keep(stream, (1920, 1080), seen((1, 1, 9, 9))) == []
        filtering.keep("gate-3", (3840, 2160), seen((1, 1, 9, 9)))
    assert [record.getMessage()[:13] for record in caplog.records] == ["stream gate-1", "stream gate-2"]


# ---------------------------------------------------------------- what cannot be

NO_POLYGON = "is no list of points [x, y]"


@pytest.mark.parametrize(
    ("polygon", "says"),
    [
        ((), f"has 0 points: a polygon has 3 to {MAX_POINTS}"),
        (((0, 0), (1, 1)), "has 2 points"),
        (((0, 0), (1, 0), (1, 1)) * 3334, "has 10002 points"),
        (((0, 0), (1, 0), (1.01, 1)), "has the point [1.01, 1], and 0 to 1 is allowed; write units: pixels"),
        (((0, 0), (1, 0), (-0.1, 1)), "has the point [-0.1, 1]"),
        (((0, 0), (1, 0), (float("nan"), 1)), "has the point [nan, 1]"),
        (((0, 0), (1, 0), (1, float("inf"))), "has the point [1, inf]"),
        (((0, 0), (0.5, 0), (1, 0)), "has no area"),
        (((0.2, 0.2),) * 4, "has no area"),
        (((0, 0), (1, 0), (1, 10**400)), NO_POLYGON),
        (((0, 0), (1, 0), (1,)), NO_POLYGON),
        (((0, 0, 0), (1, 0, 0), (1, 1, 0)), NO_POLYGON),
        ((0, 1, 2), NO_POLYGON),
        (7, NO_POLYGON),
        ("0,0 1,0 1,1", NO_POLYGON),
    ],
)
@pytest.mark.parametrize("name", ["include", "exclude"])
def test_a_polygon_that_cannot_be_is_named(name: str, polygon: Any, says: str) -> None:
    given: Any = {name: (LEFT_HALF, polygon)}
    with pytest.raises(ConfigError) as caught:
        check_regions({"gate-*": Regions(**given)})
    assert f"regions: gate-*: {name}[1] {says}" in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("regions", "says"),
    [
        ({"": Regions()}, "'' is no pattern of stream ids"),
        ({"gate 1": Regions()}, "'gate 1' is no pattern"),
        ({"[a": Regions()}, "is no pattern"),
        ({"*" * 129: Regions()}, "is no pattern"),
        ({f"cam-{index}": Regions() for index in range(1001)}, "1001 patterns of streams, and at most 1000"),
        ({"*": Regions(include=(LEFT_HALF,) * 26, exclude=(LEFT_HALF,) * 25)}, "*: more than 50 polygons"),
        ({"*": Regions(include=(((0, 0), (70_000, 0), (9, 9)),), units="pixels")}, "[70000, 0], and 0 to 65535"),
        ({"*": Regions(units=None)}, "units are share or pixels"),  # type: ignore[arg-type]
        ({"*": Regions(anchor="top")}, "anchor is one of bottom, centre, any"),  # type: ignore[arg-type]
    ],
)
def test_regions_that_cannot_be_are_named(regions: dict[str, Regions], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ObjectFilter(regions)
    assert says in str(caught.value)


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    """A naive matcher needs longer than a life for it."""
    pattern = "a*" * 64
    assert ObjectFilter({pattern: Regions()}).keep("a" * 127 + "-", SIZE, seen((0, 0, 9, 9)))


# ---------------------------------------------------------------- against simple oracles, in whole numbers

Whole = tuple[int, int]
COORDINATES = st.integers(0, 12)
POLYGONS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=3, max_size=9)


def turn(a: Whole, b: Whole, c: Whole) -> int:
    """The sign of the turn from a over b to c; 0 on a line."""
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (area > 0) - (area < 0)


def on_segment(point: Whole, a: Whole, b: Whole) -> bool:
    within = all(min(a[axis], b[axis]) <= point[axis] <= max(a[axis], b[axis]) for axis in (0, 1))
    return turn(a, b, point) == 0 and within


def segments_meet(a: Whole, b: Whole, c: Whole, d: Whole) -> bool:
    crossing = turn(a, b, c) * turn(a, b, d) < 0 and turn(c, d, a) * turn(c, d, b) < 0
    return crossing or any((on_segment(c, a, b), on_segment(d, a, b), on_segment(a, c, d), on_segment(b, c, d)))


def edges(polygon: list[Whole]) -> list[tuple[Whole, Whole]]:
    return list(pairwise([*polygon, polygon[0]]))


def contains(polygon: list[Whole], point: Whole) -> bool:
    """Tell by a ray so nearly level that it meets no corner of a small grid; it has to cross the outline an odd number of times."""
    far = (point[0] + 100_003, point[1] + 1)
    crossings = sum(
        turn(point, far, a) * turn(point, far, b) < 0 and turn(a, b, point) * turn(a, b, far) < 0
        for a, b in edges(polygon)
    )
    return crossings % 2 == 1 or any(on_segment(point, a, b) for a, b in edges(polygon))


def overlap(polygon: list[Whole], box: tuple[int, int, int, int]) -> bool:
    x1, y1, x2, y2 = box
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    return (
        any(contains(polygon, corner) for corner in corners)
        or any(x1 <= x <= x2 and y1 <= y <= y2 for x, y in polygon)
        or any(segments_meet(a, b, c, d) for a, b in edges(polygon) for c, d in edges(corners))
    )


def as_array(polygon: list[Whole]) -> Any:
    return np.array(polygon, np.float64)


@settings(max_examples=300)
@given(POLYGONS)
def test_points_are_inside_as_a_simple_oracle_says(polygon: list[Whole]) -> None:
    points = [(x, y) for x in range(-1, 14) for y in range(-1, 14)]
    found = meets(np.array([(*point, *point) for point in points], np.float64), as_array(polygon))
    assert found.tolist() == [contains(polygon, point) for point in points]


@settings(max_examples=300)
@given(POLYGONS, st.lists(st.tuples(COORDINATES, COORDINATES, COORDINATES, COORDINATES), min_size=1, max_size=20))
def test_boxes_overlap_as_a_simple_oracle_says(polygon: list[Whole], drawn: list[tuple[int, int, int, int]]) -> None:
    boxes = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in drawn]
    found = meets(np.array(boxes, np.float64), as_array(polygon))
    assert found.tolist() == [overlap(polygon, box) for box in boxes]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=MAX_POINTS), st.floats(0, 1))
def test_any_polygon_of_floats_is_used_or_refused(points: list[Point], x: float) -> None:
    regions = Regions(include=(tuple(points),), anchor="any")
    try:
        found = kept(regions, (x * 200, 0, 200, 100), (0, 0, 200, 100))
    except ConfigError:
        return
    assert 1 in found, "the whole picture overlaps any region"
