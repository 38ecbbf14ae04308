"""The head of FastestDet, which has one coarse map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framehop.inference.head_specs import FastestdetSpec
from framehop.inference.postprocess.activation import sigmoid
from framehop.inference.postprocess.candidates import Candidates, best_classes, candidates, floats
from framehop.inference.postprocess.corners import around
from framehop.inference.postprocess.rows import Array, Outputs, Rows, expect, split
from framehop.inference.spec import InputSpec

_OBJECTNESS, _CLASS = np.float32(0.6), np.float32(0.4)  # exponents: FastestDet's own measure of a score


class FastestdetHead:
    """Reads `output`: [N, 5 + C, h, w], along axis 1: objectness; tanh⁻¹ of the centre's offset x, y in cells; logits of width and
    height as shares of the input's sides; class scores. A box scores objectness^0.6 × class^0.4."""

    suppress = True

    def __init__(self, spec: FastestdetSpec, tensor: InputSpec) -> None:
        self._spec = spec
        self._size = np.array([tensor.width, tensor.height], np.float32)

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.output,)

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        return split(outputs, {self._spec.output: 3}, count)

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        raw = rows[self._spec.output]
        expect(self._spec.output, raw, (None, None, None))
        expect(f"{self._spec.output}[5:]", raw[5:], (None, *raw.shape[1:]))
        cells = raw.reshape(len(raw), -1).T
        chosen, classes, best = best_classes(_scores(cells), threshold)
        boxes = self._decode(floats(cells[chosen, 1:5]), chosen, raw.shape[1:])
        return candidates(boxes, best, classes, self._spec.first_label_id)

    def _decode(
        self, raw: NDArray[np.float32], chosen: NDArray[np.intp], shape: tuple[int, ...]
    ) -> NDArray[np.float32]:
        y, x = np.unravel_index(chosen, shape)
        centre = (np.stack([x, y], axis=1) + np.tanh(raw[:, :2])) / np.array(shape[::-1]) * self._size
        return around(centre.astype(np.float32), sigmoid(raw[:, 2:]) * self._size)


def _scores(cells: Array) -> NDArray[np.float32]:
    """Return float32 [cells, C]. A number below zero, which is no score, counts as none."""
    parts = np.maximum(floats(cells), 0)
    scores: NDArray[np.float32] = np.power(parts[:, :1], _OBJECTNESS) * np.power(parts[:, 5:], _CLASS)
    return scores
