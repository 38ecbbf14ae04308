"""The head of networks that decode their boxes themselves and leave suppression to others, in one of several conventions."""

from __future__ import annotations

from framehop.inference.head_specs import BoxesScoresSpec
from framehop.inference.postprocess.candidates import Candidates, best_classes, candidates, floats
from framehop.inference.postprocess.corners import PIXELS, corners
from framehop.inference.postprocess.rows import Outputs, Rows, expect, output, split
from framehop.inference.spec import InputSpec


class BoxesScoresHead:
    """Reads `boxes`: [N, A, 4] or [N, A, 1, 4], in the form and unit that the spec says, and `scores`: [N, A, C], or [N, C, A] if
    the spec says so, with the background as class 0 if the spec says so."""

    suppress = True

    def __init__(self, spec: BoxesScoresSpec, tensor: InputSpec) -> None:
        self._spec = spec
        self._unit = (tensor.width, tensor.height) if spec.normalised else PIXELS
        self._classes = slice(1 if spec.background else 0, None)

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.scores, self._spec.boxes)

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        scores, boxes = (output(outputs, name) for name in self.outputs)
        extra = boxes.ndim - scores.ndim  # both have a batch axis, or neither has: [A, 1, 4] is not a batch of A
        return split(outputs, {self._spec.scores: 2, self._spec.boxes: 3 if extra == 1 else 2}, count)

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        spec, scores, boxes = self._spec, rows[self._spec.scores], rows[self._spec.boxes]
        expect(spec.scores, scores, (None, None))
        scores = scores.T if spec.classes_first else scores
        expect(f"{spec.scores}[classes]", scores[:, self._classes], (len(scores), None))
        expect(spec.boxes, boxes, (len(scores), *((1, 4) if boxes.ndim == 3 else (4,))))
        chosen, classes, best = best_classes(floats(scores[:, self._classes]), threshold)
        placed = corners(boxes[chosen].reshape(-1, 4), spec.box, self._unit)
        return candidates(placed, best, classes, spec.first_label_id)
