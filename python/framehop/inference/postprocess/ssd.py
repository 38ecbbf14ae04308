"""The SSD head, for networks that decode their boxes themselves and give one score per anchor and class."""

from __future__ import annotations

from framehop.inference.head_specs import SsdSpec
from framehop.inference.postprocess.candidates import Candidates, best_classes, candidates, floats
from framehop.inference.postprocess.corners import corners
from framehop.inference.postprocess.rows import Outputs, Rows, expect, split
from framehop.inference.spec import InputSpec


class SsdHead:
    """Reads the outputs of TensorFlow's Object Detection API, cut before its suppression. `scores`: [N, A, C], 0–1, no background
    column. `boxes`: [N, A, 1, 4]: ymin, xmin, ymax, xmax, as shares of the input's sides."""

    suppress = True

    def __init__(self, spec: SsdSpec, tensor: InputSpec) -> None:
        self._spec = spec
        self._size = tensor.width, tensor.height

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.scores, self._spec.boxes)

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        return split(outputs, {self._spec.scores: 2, self._spec.boxes: 3}, count)

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        scores, boxes = rows[self._spec.scores], rows[self._spec.boxes]
        expect(self._spec.scores, scores, (None, None))
        expect(self._spec.boxes, boxes, (len(scores), 1, 4))
        chosen, classes, best = best_classes(floats(scores), threshold)
        placed = corners(boxes[chosen, 0], "yxyx", self._size)
        return candidates(placed, best, classes, self._spec.first_label_id)
