"""The head of the DETR family, which gives logits and a box per query and needs no suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framehop.inference.head_specs import DetrSpec, RfdetrSpec
from framehop.inference.postprocess.activation import sigmoid, softmax
from framehop.inference.postprocess.candidates import Candidates, best_classes, candidates, floats
from framehop.inference.postprocess.corners import corners
from framehop.inference.postprocess.rows import Outputs, Rows, expect, split
from framehop.inference.spec import InputSpec


class DetrHead:
    """Reads the outputs of Hugging Face's DETR family or of RF-DETR. Logits: [N, Q, C], with one more column, the last, for "no
    object" in softmax models and in RF-DETR. Boxes: [N, Q, 4]: centre x, y, width and height as shares of the input's sides."""

    suppress = False

    def __init__(self, spec: DetrSpec | RfdetrSpec, tensor: InputSpec) -> None:
        self._spec = spec
        self._softmax = isinstance(spec, DetrSpec) and spec.scores == "softmax"
        self._classes = slice(None, -1 if self._softmax or isinstance(spec, RfdetrSpec) else None)
        self._size = tensor.width, tensor.height

    @property
    def outputs(self) -> tuple[str, ...]:
        spec = self._spec
        return (spec.logits, spec.boxes) if isinstance(spec, DetrSpec) else (spec.labels, spec.dets)

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        return split(outputs, dict.fromkeys(self.outputs, 2), count)

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        (of_logits, logits), (of_boxes, boxes) = ((name, rows[name]) for name in self.outputs)
        expect(of_logits, logits, (None, None))
        expect(f"{of_logits}[classes]", logits[:, self._classes], (len(logits), None))
        expect(of_boxes, boxes, (len(logits), 4))
        chosen, classes, best = best_classes(self._scores(floats(logits)), threshold)
        return candidates(corners(boxes[chosen], "cxcywh", self._size), best, classes, self._spec.first_label_id)

    def _scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        return softmax(logits)[:, self._classes] if self._softmax else sigmoid(logits[:, self._classes])
