"""The core's suppression keeps the same boxes in the same order as the one in NumPy, whatever finite numbers come."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from framehop import _core
from tests.numpy_nms import nms

Picture = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]

# Few values, so that boxes are often equal, empty, inside out, or touch; and any, so that areas round.
SIDE = st.one_of(st.integers(-3, 12).map(float), st.floats(-1e6, 1e6, width=32))
BOX = st.lists(SIDE, min_size=4, max_size=4)
SCORE = st.one_of(st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.0]), st.floats(0, 1, width=32))
CANDIDATE = st.tuples(BOX, SCORE, st.integers(-1, 2))


def arrays(candidates: list[tuple[list[float], float, int]]) -> Picture:
    return (
        np.array([box for box, _, _ in candidates], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in candidates], np.float32),
        np.array([label for _, _, label in candidates], np.int32),
    )


@given(
    st.lists(st.lists(CANDIDATE, max_size=30).map(arrays), max_size=3),
    st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1, width=32)),
    st.booleans(),
    st.integers(1, 30),
    st.integers(1, 30),
)
def test_it_keeps_what_the_numpy_one_keeps(
    pictures: list[Picture], iou: float, class_agnostic: bool, max_candidates: int, max_objects: int
) -> None:
    kept = _core.nms(
        pictures,
        iou=iou,
        class_agnostic=class_agnostic,
        max_candidates=max_candidates,
        max_objects=max_objects,
    )
    assert [indices.tolist() for indices in kept] == [
        nms(
            *picture,
            iou=iou,
            class_agnostic=class_agnostic,
            max_candidates=max_candidates,
            max_objects=max_objects,
        ).tolist()
        for picture in pictures
    ]
