"""The output of a head, and the steps that heads share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framehop import _core
from framehop.errors import ModelError
from framehop.inference.postprocess.rows import Array

_ROUNDING = 1e-3  # a score above 1 by no more is a rounding error, as in float16
_MAX_LABEL_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes of one picture before suppression. `boxes`: float32 [k, 4], x1, y1, x2, y2 in pixels of the input tensor; `scores`:
    float32 [k], 0–1; `label_ids`: int32 [k]. All are C-contiguous."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    label_ids: NDArray[np.int32]

    def take(self, kept: NDArray[np.intp]) -> Candidates:
        """Return the candidates at the indices `kept`, in their order."""
        return Candidates(self.boxes[kept], self.scores[kept], self.label_ids[kept])


NO_CANDIDATES = Candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


def candidates(boxes: NDArray[np.float32], scores: Array, classes: Array, first_label_id: int) -> Candidates:
    """Make candidates of what a head has read. `boxes`: as in Candidates; `scores`: [k]; `classes`: [k], whole numbers of any type,
    where a negative one fills up a row without an object. `first_label_id`: the label id of class 0.

    Raises ModelError for a score above 1, and for a class that is no whole number or whose label id exceeds 31 bits: then this
    is another family's output.
    """
    numbers = classes.astype(np.float64)
    real = numbers >= 0
    return Candidates(
        boxes=np.ascontiguousarray(boxes[real], np.float32),
        scores=_within_one(floats(scores[real])),
        label_ids=_label_ids(numbers[real], first_label_id),
    )


def _within_one(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(scores) and (largest := float(scores.max())) > 1 + _ROUNDING:
        raise ModelError(
            f"a score is {largest:.6g}, but the head reads scores of 0 to 1: is it the right head in model.yaml, and"
            " are its outputs bound by the right names?"
        )
    return np.minimum(scores, np.float32(1))


def _label_ids(classes: NDArray[np.float64], first_label_id: int) -> NDArray[np.int32]:
    label_ids = classes + first_label_id
    if (strange := label_ids[(label_ids > _MAX_LABEL_ID) | (label_ids != np.rint(label_ids))]).size:
        raise ModelError(
            f"a box has the label id {strange[0]:.6g}, but the head reads whole numbers up to {_MAX_LABEL_ID}: is it the"
            " right head in model.yaml, and are its columns or outputs in the right places?"
        )
    return label_ids.astype(np.int32)


def floats(values: Array) -> NDArray[np.float32]:
    """Return `values` as float32, the same array if it is that already. What is too large for float32 becomes infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


def reaching(scores: Array, threshold: float) -> NDArray[np.intp]:
    """Return the indices of the `scores` ([K]) that are at least `threshold`."""
    return np.flatnonzero(floats(scores) >= threshold)


def best_classes(
    scores: NDArray[np.float32], threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the rows of `scores` (float32 [A, C], C >= 1) whose best class reaches `threshold`: their indices, that class and its
    score. One anchor is one object, so only its best class counts; between equal scores the lower class wins."""
    return _core.best_classes(np.ascontiguousarray(scores), threshold)
