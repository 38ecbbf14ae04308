"""Boxes found in several tiles become the objects of one picture: each once, whole where any tile shows it whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framehop.inference.spec import NmsSpec
from framehop.inference.tile_merge import merge
from framehop.inference.tiles import Tile, Tiles
from framehop.types import Detections

Box = tuple[float, float, float, float]
Seen = tuple[int, float, Box]

PICTURE = (180, 100)
LEFT, RIGHT = Tile(0, 0, 100, 100), Tile(80, 0, 100, 100)
WHOLE = Tile(0, 0, *PICTURE)
BY_LABEL = NmsSpec(class_agnostic=False)


def part(tile: Tile, *seen: Seen) -> Detections:
    """Return what a tile shows of boxes in the picture's pixels."""
    boxes = np.array([box for _, _, box in seen], np.float32).reshape(-1, 4)
    return Detections(
        boxes=boxes - np.array([tile.x, tile.y] * 2, np.float32),
        scores=np.array([score for _, score, _ in seen], np.float32),
        label_ids=np.array([label for label, _, _ in seen], np.int32),
    )


def merged(
    *shown: tuple[Tile, Sequence[Seen]],
    rule: NmsSpec = BY_LABEL,
    most: int = 100,
    picture: tuple[int, int] = PICTURE,
) -> list[Seen]:
    tiles = [tile for tile, _ in shown]
    found = merge(tiles, [part(tile, *seen) for tile, seen in shown], picture, rule, max_objects=most)
    assert found.boxes.dtype == np.float32
    rows = zip(found.label_ids.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True)
    return [(label, round(score, 3), tuple(box)) for label, score, box in rows]


def test_boxes_of_all_tiles_come_out_best_first() -> None:
    first, second, third = (1, 0.5, (10, 10, 30, 30)), (1, 0.9, (120, 10, 140, 30)), (2, 0.7, (0, 0, 180, 100))
    assert merged((WHOLE, [third]), (LEFT, [first]), (RIGHT, [second])) == [second, third, first]
    assert merged((WHOLE, [third]), (LEFT, [first]), (RIGHT, [second]), most=2) == [second, third]


def test_an_object_that_two_tiles_show_whole_is_one() -> None:
    """It lies where they overlap."""
    assert merged((LEFT, [(1, 0.8, (85, 20, 95, 40))]), (RIGHT, [(1, 0.9, (85, 20, 96, 40))])) == [
        (1, 0.9, (85, 20, 96, 40))
    ]


def test_a_piece_is_dropped_for_the_object_as_a_whole_whatever_the_scores() -> None:
    piece, entire = (1, 0.95, (70, 20, 100, 40)), (1, 0.6, (70, 20, 170, 40))
    assert merged((WHOLE, [entire]), (LEFT, [piece]), (RIGHT, [])) == [entire]


def test_a_box_inside_another_that_is_no_piece_stays() -> None:
    child, parent = (1, 0.9, (120, 40, 130, 60)), (1, 0.8, (110, 10, 140, 90))
    assert merged((WHOLE, [parent]), (RIGHT, [child])) == [child, parent]


def test_whether_another_label_covers_a_piece_is_the_models_own_rule() -> None:
    wheel, car = (2, 0.9, (80, 20, 110, 40)), (1, 0.8, (60, 10, 170, 50))
    assert merged((WHOLE, [car]), (RIGHT, [wheel])) == [wheel, car]
    assert merged((WHOLE, [car]), (RIGHT, [wheel]), rule=NmsSpec(class_agnostic=True)) == [car]


def test_pieces_that_meet_are_joined() -> None:
    """The object is wider than the overlap, so no tile shows it whole."""
    left, right = (1, 0.7, (60, 20, 100, 60)), (1, 0.9, (80, 22, 130, 61))
    assert merged((LEFT, [left]), (RIGHT, [right])) == [(1, 0.9, (60, 20, 130, 61))]
    assert merged((LEFT, [left]), (RIGHT, [(2, *right[1:])])) == [(2, 0.9, right[2]), left], "not of two labels"


@pytest.mark.parametrize("scores", [(0.7, 0.9), (0.9, 0.7)])
def test_pieces_meet_although_a_network_does_not_place_them_exactly_at_the_edge(scores: tuple[float, float]) -> None:
    tiles = (Tile(0, 0, 100, 100), Tile(100, 0, 100, 100))
    left, right = (1, scores[0], (60, 20, 98.5, 60)), (1, scores[1], (101.5, 20, 140, 60))
    assert merged((tiles[0], [left]), (tiles[1], [right]), picture=(200, 100)) == [(1, 0.9, (60, 20, 140, 60))]


@pytest.mark.parametrize(
    "other",
    [(80, 60, 130, 100), (80, 42, 130, 96), (90, 20, 130, 60)],
    ids=["lower", "half of the shorter is not beside it", "ends before the edge"],
)
def test_what_does_not_meet_stays_apart(other: Box) -> None:
    left = (1, 0.7, (60.0, 20.0, 100.0, 50.0))
    assert sorted(merged((LEFT, [left]), (RIGHT, [(1, 0.9, other)]))) == [left, (1, 0.9, other)]


def test_an_object_over_four_tiles_and_one_over_three_in_a_row() -> None:
    grid = Tiles(columns=3, rows=2, whole=False)
    picture = (260, 180)
    large, long = (40.0, 40.0, 130.0, 150.0), (60.0, 5.0, 250.0, 30.0)
    shown = [(tile, seen_in(tile, picture, large, long)) for tile in grid.cut(picture)]
    assert sum(len(seen) for _, seen in shown) == 7
    assert sorted(box for _, _, box in merged(*shown, picture=picture)) == [large, long]


def seen_in(tile: Tile, picture: tuple[int, int], *boxes: Box) -> list[Seen]:
    """The part of each box that a tile shows, scored by how much that is, as a network would."""
    found: list[Seen] = []
    for x1, y1, x2, y2 in boxes:
        left, top = max(x1, tile.x), max(y1, tile.y)
        right, bottom = min(x2, tile.x + tile.width), min(y2, tile.y + tile.height)
        if right - left >= 4 and bottom - top >= 4:
            area = (right - left) * (bottom - top)
            found.append((1, round(0.3 + 0.6 * area / ((x2 - x1) * (y2 - y1)), 3), (left, top, right, bottom)))
    return found


@settings(max_examples=200)
@given(
    st.builds(
        Tiles,
        columns=st.integers(1, 4),
        rows=st.integers(1, 4),
        overlap=st.sampled_from([0.1, 0.2, 0.35, 0.5]),
        whole=st.booleans(),
    ),
    st.integers(0, 560),
    st.integers(0, 320),
    st.integers(8, 400),
    st.integers(8, 300),
)
def test_an_object_anywhere_and_of_any_size_comes_out_once_and_whole(
    grid: Tiles, x: int, y: int, width: int, height: int
) -> None:
    picture = (640, 400)
    box = (float(x), float(y), float(min(640, x + width)), float(min(400, y + height)))
    shown = [(tile, seen_in(tile, picture, box)) for tile in grid.cut(picture)]
    [(_, _, found)] = merged(*shown, picture=picture)
    np.testing.assert_allclose(found, box, atol=4)  # what sticks out of a tile by less is not seen in the next


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 90), st.integers(0, 90), st.integers(1, 60)), max_size=12))
def test_merging_keeps_the_best_and_invents_nothing(rows: list[tuple[int, int, int, int]]) -> None:
    seen: list[Seen] = [(a, round(0.99 - i / 100, 3), (x, y, x + s, y + s)) for i, (a, x, y, s) in enumerate(rows)]
    found = merged((LEFT, seen), (RIGHT, []))
    assert len(found) <= len(seen)
    assert {label for label, _, _ in found} <= {label for label, _, _ in seen}
    assert [score for _, score, _ in found] == sorted((score for _, score, _ in found), reverse=True)


def test_nothing_anywhere_is_nothing() -> None:
    assert merged((WHOLE, []), (LEFT, []), (RIGHT, [])) == []


def test_a_speck_that_float32_rounds_away_is_no_object() -> None:
    far = Tile(30_000, 0, 100, 100)
    speck = Detections(
        boxes=np.array([[10, 10, 10.0001, 20]], np.float32),
        scores=np.array([0.9], np.float32),
        label_ids=np.array([1], np.int32),
    )
    assert len(merge([far], [speck], (30_100, 100), BY_LABEL, max_objects=5).boxes) == 0


@pytest.mark.parametrize("scores", [(0.5, 0.6, 0.9), (0.9, 0.6, 0.5), (0.5, 0.9, 0.6)])
def test_a_joined_object_has_the_best_score_of_its_pieces_whichever_it_is(scores: tuple[float, float, float]) -> None:
    tiles = Tiles(columns=3, rows=1, whole=False).cut((260, 100))
    boxes: list[Box] = [(40, 20, 100, 60), (80, 20, 180, 60), (160, 20, 220, 60)]
    shown = [(tile, [(1, score, box)]) for tile, score, box in zip(tiles, scores, boxes, strict=True)]
    assert merged(*shown, picture=(260, 100)) == [(1, 0.9, (40, 20, 220, 60))]


def test_a_piece_that_meets_only_what_others_were_joined_to_is_joined_too() -> None:
    tiles = Tiles(columns=2, rows=2, whole=False).cut((180, 180))
    boxes: list[Box | None] = [(60, 0, 100, 20), (83, 0, 120, 100), None, (80, 80, 120, 150)]
    scores = (0.9, 0.7, 0.0, 0.8)
    shown = [(tile, [(1, score, box)] if box else []) for tile, score, box in zip(tiles, scores, boxes, strict=True)]
    assert merged(*shown, picture=(180, 180)) == [(1, 0.9, (60, 0, 120, 150))]
