"""The output of a head, and helpers that the heads share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framehop.errors import ModelError

Rows = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes of one picture before suppression. `boxes`: float32 [k, 4], x1, y1, x2, y2 in pixels of the input tensor; `scores`:
    float32 [k], 0–1; `label_ids`: int32 [k]."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    label_ids: NDArray[np.int32]


def best_classes(
    scores: NDArray[np.float32], threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the rows of `scores` (float32 [A, C]) whose best class reaches `threshold`: their indices, that class and its score.
    One anchor is one object, so only its best class counts; between equal scores the lower class wins."""
    rows = np.flatnonzero(scores.max(axis=1) >= threshold)
    classes = scores[rows].argmax(axis=1)
    return rows, classes, scores[rows, classes]


def expect(name: str, value: NDArray[np.float32], shape: tuple[int | None, ...]) -> None:
    """Raise ModelError unless one picture's row of output `name` has `shape`; None stands for any length but zero."""
    if value.ndim == len(shape) and all(
        has == wants or (wants is None and has > 0) for has, wants in zip(value.shape, shape, strict=True)
    ):
        return
    wanted = ", ".join("?" if side is None else str(side) for side in shape)
    raise ModelError(
        f"output {name!r} is [N, {', '.join(map(str, value.shape))}], but the head reads [N, {wanted}]:"
        " is it the right head, output and input size in model.yaml?"
    )
