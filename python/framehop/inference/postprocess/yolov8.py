"""The head of YOLOv8, 9, 11 and 12 as exported without suppression, which have no objectness."""

from __future__ import annotations

import numpy as np

from framehop.inference.head_specs import Yolov8Spec
from framehop.inference.postprocess.candidates import Candidates, candidates, floats
from framehop.inference.postprocess.corners import PIXELS, corners
from framehop.inference.postprocess.rows import Outputs, Rows, expect, split
from framehop.inference.spec import InputSpec


class Yolov8Head:
    """Reads `output`: [N, 4 + C, A]: centre x, y, width and height in pixels, then class scores."""

    suppress = True

    def __init__(self, spec: Yolov8Spec, tensor: InputSpec) -> None:
        self._spec = spec

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.output,)

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        return split(outputs, {self._spec.output: 2}, count)

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        raw = rows[self._spec.output]
        expect(self._spec.output, raw, (None, None))
        expect(f"{self._spec.output}[4:]", raw[4:], (None, None))
        scores = floats(raw[4:])
        best = scores.max(axis=0)  # along memory, and only what is likely is transposed
        chosen = np.flatnonzero(best >= threshold)
        boxes = corners(raw[:4, chosen].T, "cxcywh", PIXELS)
        return candidates(boxes, best[chosen], scores[:, chosen].argmax(axis=0), self._spec.first_label_id)
