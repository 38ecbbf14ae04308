"""The head of YOLOv5, v6, v7 and YOLOX, decoded by the network, with an objectness."""

from __future__ import annotations

from framehop.inference.head_specs import Yolov5Spec
from framehop.inference.postprocess.candidates import Candidates, candidates
from framehop.inference.postprocess.corners import PIXELS, corners
from framehop.inference.postprocess.objectness import likely_classes
from framehop.inference.postprocess.rows import Outputs, Rows, expect, split
from framehop.inference.spec import InputSpec


class Yolov5Head:
    """Reads `output`: [N, A, 5 + C]: centre x, y, width and height in pixels, objectness, class scores. A box scores objectness ×
    class."""

    suppress = True

    def __init__(self, spec: Yolov5Spec, tensor: InputSpec) -> None:
        self._spec = spec

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.output,)

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        return split(outputs, {self._spec.output: 2}, count)

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        raw = rows[self._spec.output]
        expect(self._spec.output, raw, (None, None))
        chosen, classes, best = likely_classes(self._spec.output, raw, threshold)
        boxes = corners(raw[chosen, :4], "cxcywh", PIXELS)
        return candidates(boxes, best, classes, self._spec.first_label_id)
