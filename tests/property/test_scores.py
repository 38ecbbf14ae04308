"""The core finds the same rows, classes and scores as NumPy, and the same numbers that cannot be used."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from framehop import _core
from framehop.inference.postprocess import candidates
from framehop.inference.postprocess.rows import finite
from tests.numpy_scores import best_classes

# Few values, so that scores are often equal, and often exactly the threshold.
SCORE = st.one_of(st.sampled_from([0.0, -0.0, 0.25, 0.45, 0.5, 1.0]), st.floats(-1, 1, width=32))
# Long rows and short ones: the core passes many scores by at once, wherever rows begin.
SHAPE = st.one_of(
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=9), st.tuples(st.integers(0, 3), st.integers(30, 70))
)
SCORES = arrays.arrays(np.float32, SHAPE, elements=SCORE, fill=st.sampled_from([0.0, 0.25]))
THRESHOLD = st.one_of(st.sampled_from([0.0, 0.25, 0.45, 0.5, 1.5]), st.floats(0, 1))
ANY = st.floats(width=32)


@given(SCORES, THRESHOLD)
def test_best_classes_are_those_of_numpy(scores: NDArray[np.float32], threshold: float) -> None:
    wanted = best_classes(scores, threshold)
    for laid_out in (scores, np.asfortranarray(scores), np.repeat(scores, 2, axis=1)[:, ::2]):
        found = candidates.best_classes(laid_out, threshold)
        assert [part.tolist() for part in found] == [part.tolist() for part in wanted]
        assert [part.dtype for part in found] == [part.dtype for part in wanted]


@given(arrays.arrays(np.float32, arrays.array_shapes(min_side=0, max_side=40, max_dims=3), elements=ANY, fill=ANY))
def test_numbers_can_be_used_where_numpy_says_so(values: NDArray[np.float32]) -> None:
    assert _core.all_finite(values) == np.isfinite(values).all()
    for laid_out in (values, values.T, values.astype(np.float64)):
        assert finite({"o": laid_out}) == np.isfinite(values).all()
