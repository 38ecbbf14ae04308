"""Labels that can be read and classes that can be told apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framehop.sinks import drawing
from framehop.sinks.colours import PALETTE, Colours, label_colour
from framehop.sinks.drawing import draw_objects
from framehop.sinks.pillow import Image
from framehop.sinks.tags import Rect, place_tag
from framehop.types import DetectedObject

ROOM = (640.0, 360.0)
TAG = (90.0, 18.0)


def _overlap(one: Rect, other: Rect) -> bool:
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(one[1], other[1])


def _place(boxes: list[Rect]) -> list[Rect]:
    taken: list[Rect] = []
    for box in boxes:
        taken.append(place_tag(box, TAG, taken, ROOM))
    return taken


@pytest.mark.parametrize(
    "boxes",
    [
        [(100, 100, 200, 200), (110, 101, 210, 200)],  # neighbours
        [(100, 100, 200, 200)] * 4,  # one on the other
        [(100, 100, 300, 300), (100, 100, 300, 300), (100, 118, 300, 300)],
        [(0, 0, 640, 360), (0, 0, 640, 360), (0, 0, 320, 360), (320, 0, 640, 360)],  # all of the picture
        [(600, 340, 639, 359), (590, 330, 639, 359)],  # in its last corner
        [(20 * i, 50, 20 * i + 30, 250) for i in range(8)],  # a row of people
    ],
)
def test_labels_do_not_cover_each_other(boxes: list[Rect]) -> None:
    tags = _place(boxes)
    assert [pair for pair in itertools.combinations(tags, 2) if _overlap(*pair)] == []


def test_a_label_that_is_alone_stands_on_its_box() -> None:
    assert _place([(100, 100, 200, 200)]) == [(100, 82, 190, 100)]
    assert _place([(100, 5, 200, 200)]) == [(100, 0, 190, 18)], "and inside the picture"


NUMBERS = st.floats(-50, 700)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=12))
def test_every_label_is_inside_the_picture(boxes: list[Rect]) -> None:
    for left, top, right, bottom in _place(boxes):
        assert left >= 0
        assert top >= 0
        assert right <= ROOM[0]
        assert bottom <= ROOM[1]


def test_two_labels_never_share_a_colour_and_each_keeps_its_own() -> None:
    colours = Colours()
    labels = [f"label {number}" for number in range(40)]
    given_out = [colours.of(label) for label in labels]
    assert len(set(given_out)) == 40
    assert [colours.of(label) for label in labels] == given_out
    assert set(given_out[: len(PALETTE)]) == set(PALETTE)
    assert Colours().of("cat") == label_colour("cat")


def _clash() -> tuple[str, str]:
    """Two labels with one colour of their own."""
    names = [f"label {number}" for number in range(20)]
    return next(pair for pair in itertools.combinations(names, 2) if len(set(map(label_colour, pair))) == 1)


def test_two_classes_in_one_picture_have_different_colours() -> None:
    first, second = _clash()
    objects = [
        DetectedObject(label=first, label_id=1, confidence=0.9, box=(20, 100, 100, 200)),
        DetectedObject(label=second, label_id=2, confidence=0.8, box=(200, 100, 300, 200)),
    ]
    image = Image.new("RGB", (320, 240))
    draw_objects(image, objects, (1.0, 1.0))
    pixels = np.asarray(image)
    edges = [tuple(pixels[150, x].tolist()) for x in (21, 201)]
    assert edges[0] == label_colour(first)
    assert edges[1] in set(PALETTE) - {edges[0]}


def test_a_crowd_is_drawn_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Placing is work by the square of their number."""
    tags: list[Rect] = []

    def place(box: Rect, *_rest: object) -> Rect:
        tags.append(box)
        return box

    monkeypatch.setattr(drawing, "place_tag", place)
    crowd = [DetectedObject(label="ant", label_id=1, confidence=0.5, box=(i, 0, i + 5, 5)) for i in range(1000)]
    draw_objects(Image.new("RGB", (320, 240)), crowd, (1.0, 1.0))
    assert len(tags) == drawing._MAX_TAGS
