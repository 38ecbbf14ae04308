"""The YOLOX head, for networks that give offsets on several grids, which are decoded here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framehop.inference.head_specs import YoloxSpec
from framehop.inference.postprocess.candidates import Candidates, candidates, floats
from framehop.inference.postprocess.corners import FAR, around
from framehop.inference.postprocess.grid import grid
from framehop.inference.postprocess.objectness import likely_classes
from framehop.inference.postprocess.rows import Outputs, Rows, expect, split
from framehop.inference.spec import InputSpec


class YoloxHead:
    """Reads the output of Megvii's YOLOX as exported without `--decode_in_inference`. `output`: [N, A, 5 + C]: centre offset x, y
    in cells, log of width and height in cells, objectness, class scores. A box scores objectness × class."""

    suppress = True

    def __init__(self, spec: YoloxSpec, tensor: InputSpec) -> None:
        self._spec = spec
        self._cells = np.concatenate([grid(tensor.width // side, tensor.height // side, side) for side in spec.strides])

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.output,)

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        return split(outputs, {self._spec.output: 2}, count)

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        raw = rows[self._spec.output]
        expect(self._spec.output, raw, (len(self._cells), None))
        chosen, classes, best = likely_classes(self._spec.output, raw, threshold)
        boxes = _decode(floats(raw[chosen, :4]), self._cells[chosen])
        return candidates(boxes, best, classes, self._spec.first_label_id)


def _decode(raw: NDArray[np.float32], cells: NDArray[np.float32]) -> NDArray[np.float32]:
    centre = np.clip(raw[:, :2], -FAR, FAR) + cells[:, :2]
    size = np.exp(np.minimum(raw[:, 2:], np.log(FAR)))
    return around(centre, size) * cells[:, 2:]
