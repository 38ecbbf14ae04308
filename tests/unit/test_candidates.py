"""The steps that heads share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from framehop.inference.postprocess.candidates import best_classes, rows_reaching

_SCORES = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])
)


@given(_SCORES, st.sampled_from([0.0, 0.25, 0.3, 0.5, 1.0, 1.5]))
def test_the_rows_in_which_a_class_reaches_the_threshold(scores: NDArray[np.float32], threshold: float) -> None:
    wanted = np.flatnonzero(scores.max(axis=1) >= threshold)
    for laid_out in (scores, np.asfortranarray(scores), np.repeat(scores, 2, axis=1)[:, ::2]):
        assert np.array_equal(rows_reaching(laid_out, threshold), wanted)


def test_between_equal_scores_the_lower_class_wins() -> None:
    rows, classes, best = best_classes(np.array([[0.1, 0.2], [0.5, 0.5], [0.3, 0.9]], np.float32), 0.5)
    assert (rows.tolist(), classes.tolist()) == ([1, 2], [0, 1])
    assert best.tolist() == pytest.approx([0.5, 0.9])


def test_where_there_is_no_row_none_is_found() -> None:
    assert rows_reaching(np.empty((0, 3), np.float32), 0.0).size == 0
