"""The SSD head, for networks that decode their boxes themselves and give one score per anchor and class."""

from __future__ import annotations

import numpy as np

from framehop.inference.postprocess.candidates import Candidates, Rows, best_classes, expect
from framehop.inference.spec import InputSpec, SsdSpec


class SsdHead:
    """Reads the outputs of TensorFlow's Object Detection API, cut before its suppression. `scores`: float32 [N, A, C], 0–1, no
    background column. `boxes`: float32 [N, A, 1, 4]: ymin, xmin, ymax, xmax, as shares of the input's sides."""

    def __init__(self, spec: SsdSpec, tensor: InputSpec) -> None:
        self._spec = spec
        self._size = np.array([tensor.width, tensor.height] * 2, np.float32)

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.scores, self._spec.boxes)

    def candidates(self, outputs: Rows, threshold: float) -> Candidates:
        scores, boxes = outputs[self._spec.scores], outputs[self._spec.boxes]
        expect(self._spec.scores, scores, (None, None))
        expect(self._spec.boxes, boxes, (len(scores), 1, 4))
        rows, classes, best = best_classes(scores, threshold)
        return Candidates(
            boxes=boxes[rows, 0][:, [1, 0, 3, 2]] * self._size,
            scores=best,
            label_ids=(classes + self._spec.first_label_id).astype(np.int32),
        )
