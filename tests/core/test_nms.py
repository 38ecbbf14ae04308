"""Suppression: what is kept, in which order, and that it does not depend on luck."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from framehop._core import nms
from framehop.errors import InvalidArgumentError
from framehop.inference import postprocess

Box = tuple[float, float, float, float]
Picture = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]


def picture(boxes: list[Box], scores: list[float], labels: list[int] | None = None) -> Picture:
    return (
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(labels or [0] * len(boxes), np.int32),
    )


def suppress(*pictures: Picture) -> list[list[int]]:
    kept = nms(pictures, iou=0.5, class_agnostic=True, max_candidates=1000, max_objects=100)
    assert {indices.dtype for indices in kept} <= {np.dtype(np.intp)}
    return [indices.tolist() for indices in kept]


def keep(
    boxes: list[Box],
    scores: list[float],
    labels: list[int] | None = None,
    *,
    iou: float = 0.5,
    class_agnostic: bool = True,
    max_candidates: int = 1000,
    max_objects: int = 100,
) -> list[int]:
    [kept] = nms(
        [picture(boxes, scores, labels)],
        iou=iou,
        class_agnostic=class_agnostic,
        max_candidates=max_candidates,
        max_objects=max_objects,
    )
    return [int(index) for index in kept]


def overlap(a: Box, b: Box) -> float:
    """Intersection over union in plain numbers."""
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return wide * high / (sum(area) - wide * high) if wide * high else 0.0


SQUARE, SHIFTED, FAR = (0.0, 0.0, 10.0, 10.0), (1.0, 0.0, 11.0, 10.0), (50.0, 50.0, 60.0, 60.0)


def test_the_better_of_two_that_overlap_stays_and_the_best_comes_first() -> None:
    assert keep([SQUARE, SHIFTED, FAR], [0.6, 0.9, 0.7]) == [1, 2]


def test_exactly_the_threshold_is_not_too_much() -> None:
    half = (0.0, 0.0, 10.0, 5.0)  # an overlap of exactly one half
    assert keep([SQUARE, half], [0.9, 0.8]) == [0, 1]
    assert keep([SQUARE, half], [0.9, 0.8], iou=0.49) == [0]


def test_labels_matter_only_when_asked_to() -> None:
    assert keep([SQUARE, SHIFTED], [0.9, 0.8], [1, 2]) == [0]
    assert keep([SQUARE, SHIFTED], [0.9, 0.8], [1, 2], class_agnostic=False) == [0, 1]
    assert keep([SQUARE, SHIFTED], [0.9, 0.8], [2, 2], class_agnostic=False) == [0]


def test_equal_scores_go_by_index() -> None:
    assert keep([FAR, SQUARE, SHIFTED], [0.5, 0.5, 0.5]) == [0, 1]


def test_a_box_that_was_suppressed_suppresses_nobody() -> None:
    chain = [SQUARE, (3.0, 0.0, 13.0, 10.0), (6.0, 0.0, 16.0, 10.0)]
    assert keep(chain, [0.9, 0.8, 0.7]) == [0, 2]


def test_boxes_without_area_and_inside_out_do_no_harm() -> None:
    flat, inverted = (5.0, 5.0, 5.0, 5.0), (9.0, 9.0, 1.0, 1.0)
    assert keep([flat, flat, inverted, SQUARE], [0.9, 0.8, 0.7, 0.6]) == [0, 1, 2, 3]


def test_both_bounds_hold() -> None:
    apart = [(20.0 * i, 0.0, 20.0 * i + 10, 10.0) for i in range(10)]
    scores = [i / 10 for i in range(10)]
    assert keep(apart, scores, max_objects=3) == [9, 8, 7]
    assert keep([*apart, (180.0, 0.0, 190.0, 10.0)], [*scores, 0.95], max_candidates=2) == [10]
    assert keep([], []) == []


COORDINATE = st.integers(0, 12)
BOX: st.SearchStrategy[Box] = st.tuples(COORDINATE, COORDINATE, st.integers(1, 9), st.integers(1, 9)).map(
    lambda box: (float(box[0]), float(box[1]), float(box[0] + box[2]), float(box[1] + box[3]))
)


@given(st.lists(st.tuples(BOX, st.integers(0, 4), st.integers(0, 1)), max_size=25), st.booleans())
def test_it_is_greedy_suppression(rows: list[tuple[Box, int, int]], class_agnostic: bool) -> None:
    boxes, ranks, labels = [row[0] for row in rows], [row[1] / 4 for row in rows], [row[2] for row in rows]
    expected: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: (-ranks[i], i)):
        rivals = [j for j in expected if class_agnostic or labels[i] == labels[j]]
        if all(overlap(boxes[i], boxes[j]) <= 0.4 for j in rivals):
            expected.append(i)
    assert keep(boxes, ranks, labels, iou=0.4, class_agnostic=class_agnostic) == expected


@pytest.mark.parametrize("count", [1, 1000])
def test_many_equal_boxes_leave_one(count: int) -> None:
    assert keep([SQUARE] * count, [1.0] * count) == [0]


def test_each_picture_is_on_its_own() -> None:
    first, second = picture([SQUARE, SHIFTED], [0.8, 0.9]), picture([FAR, SHIFTED, SQUARE], [0.5, 0.6, 0.7])
    assert suppress(first, picture([], []), second) == [[1], [], [2, 0]]
    assert suppress() == []


def test_one_picture_by_itself_with_boxes_of_any_strides() -> None:
    boxes, scores, labels = picture([SQUARE, SHIFTED, FAR], [0.8, 0.7, 0.9], [0, 1, 0])
    wide = np.repeat(boxes, 2, axis=1)[:, ::2]
    assert postprocess.nms(wide, scores, labels, iou=0.5).tolist() == [2, 0]
    assert postprocess.nms(wide, scores, labels, iou=0.5, class_agnostic=False).tolist() == [2, 0, 1]


BOXES, SCORES, LABELS = picture([SQUARE], [0.5])


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ((BOXES[:, :3].copy(), SCORES, LABELS), r"boxes must be .* float32 \[k, 4\], not float32 \[1, 3\]"),
        ((BOXES.astype(np.float64), SCORES, LABELS), r"boxes .* not float64 \[1, 4\]"),
        ((np.asfortranarray(np.tile(BOXES, (2, 1))), SCORES, LABELS), "C-contiguous"),
        ((BOXES, SCORES[:, None], LABELS), r"scores .* float32 \[k\], not float32 \[1, 1\]"),
        ((BOXES, SCORES, LABELS.astype(np.int64)), r"label_ids .* int32 \[k\], not int64"),
        ((BOXES, SCORES, [0]), r"label_ids .* not list"),
        ((BOXES, SCORES, LABELS[:0]), "one entry per candidate"),
        ((BOXES, SCORES * np.float32(np.nan), LABELS), "scores must be finite, and number 0 is not"),
        ((BOXES + np.float32(np.inf), SCORES, LABELS), "boxes must be finite, and number 0 is not"),
    ],
)
def test_other_arrays_are_refused(candidates: Picture, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        suppress(candidates)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"iou": 1.5}, "iou must be 0 to 1, not 1.5"),
        ({"iou": float("nan")}, "iou must be 0 to 1"),
        ({"max_candidates": 0}, "max_candidates must be at least 1"),
        ({"max_objects": -1}, "max_objects must be at least 1"),
    ],
)
def test_limits_out_of_range_are_refused(limits: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        keep([SQUARE], [0.5], **limits)  # type: ignore[arg-type]
