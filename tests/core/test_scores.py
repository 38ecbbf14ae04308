"""The core refuses arrays that are no scores, and says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from framehop import _core
from framehop.errors import InvalidArgumentError

SCORES = np.zeros((4, 3), np.float32)


@pytest.mark.parametrize(
    "strange",
    [
        SCORES.astype(np.float64),
        SCORES[:, ::2],
        SCORES.T,
        SCORES[0],
        SCORES[None],
        np.empty((3, 0), np.float32),
        "scores",
    ],
)
def test_best_classes_refuses_what_is_no_rows_of_scores(strange: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        _core.best_classes(strange, 0.5)


@pytest.mark.parametrize("strange", [SCORES.astype(np.float16), SCORES[:, ::2], np.zeros(3, np.int32), [0.5]])
def test_all_finite_refuses_what_it_cannot_read_in_one_piece(strange: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        _core.all_finite(strange)


def test_an_array_that_lies_askew_is_refused() -> None:
    askew: NDArray[np.float32] = np.frombuffer(bytearray(17), np.float32, offset=1)
    with pytest.raises(InvalidArgumentError, match="aligned"):
        _core.all_finite(askew)
