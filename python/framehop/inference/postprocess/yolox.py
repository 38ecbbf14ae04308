"""The YOLOX head, for networks that give offsets on several grids, which are decoded here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framehop.inference.postprocess.candidates import Candidates, Rows, best_classes, expect
from framehop.inference.spec import InputSpec, YoloxSpec

_FAR = np.float32(1e6)  # cells; beyond any input, and small enough that a wild but finite output stays finite


class YoloxHead:
    """Reads the output of Megvii's YOLOX as exported without `--decode_in_inference`. `output`: float32 [N, A, 5 + C]: centre
    offset x, y in cells, log of width and height in cells, objectness, class scores. A box scores objectness × class."""

    def __init__(self, spec: YoloxSpec, tensor: InputSpec) -> None:
        self._spec = spec
        self._cells = np.concatenate(
            [_grid(tensor.width // side, tensor.height // side, side) for side in spec.strides]
        )

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.output,)

    def candidates(self, outputs: Rows, threshold: float) -> Candidates:
        raw = outputs[self._spec.output]
        expect(self._spec.output, raw, (len(self._cells), None))
        expect(f"{self._spec.output}[5:]", raw[:, 5:], (len(self._cells), None))
        likely = np.flatnonzero(
            raw[:, 4] >= threshold
        )  # a class scores at most 1: objectness alone rules out most cells
        within, classes, best = best_classes(raw[likely, 4:5] * raw[likely, 5:], threshold)
        rows = likely[within]
        return Candidates(
            boxes=_decode(raw[rows, :4], self._cells[rows]),
            scores=best,
            label_ids=(classes + self._spec.first_label_id).astype(np.int32),
        )


def _grid(columns: int, rows: int, stride: int) -> NDArray[np.float32]:
    """Return float32 [columns × rows, 3]: x and y of each cell, row by row, and the stride."""
    y, x = np.mgrid[:rows, :columns]
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1).astype(np.float32)


def _decode(raw: NDArray[np.float32], cells: NDArray[np.float32]) -> NDArray[np.float32]:
    stride = cells[:, 2:]
    centre = (np.clip(raw[:, :2], -_FAR, _FAR) + cells[:, :2]) * stride
    half = np.exp(np.minimum(raw[:, 2:], np.log(_FAR))) * stride / 2
    return np.concatenate([centre - half, centre + half], axis=1)
