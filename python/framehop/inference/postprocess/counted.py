"""The head of networks that suppress inside and give so many boxes, with their number in an output of its own."""

from __future__ import annotations

from framehop.errors import ModelError
from framehop.inference.head_specs import EfficientNmsSpec, TfSpec
from framehop.inference.postprocess.candidates import Candidates, candidates, reaching
from framehop.inference.postprocess.corners import PIXELS, Form, corners
from framehop.inference.postprocess.rows import Outputs, Rows, expect, output, split
from framehop.inference.spec import InputSpec


class CountedHead:
    """Reads the outputs of TensorRT's EfficientNMS, or of TensorFlow's Object Detection API. Count: [N] or [N, 1]; scores, classes:
    [N, K]; boxes: [N, K, 4], for EfficientNMS x1, y1, x2, y2 in pixels, for TensorFlow ymin, xmin, ymax, xmax as shares of the
    input's sides. Rows from the count on mean nothing."""

    suppress = False

    def __init__(self, spec: EfficientNmsSpec | TfSpec, tensor: InputSpec) -> None:
        self._spec = spec
        self._form: Form = "yxyx" if isinstance(spec, TfSpec) else "xyxy"
        self._unit = (tensor.width, tensor.height) if isinstance(spec, TfSpec) else PIXELS

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.count, self._spec.boxes, self._spec.scores, self._spec.classes)

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        spec = self._spec
        numbers = output(outputs, spec.count)
        if numbers.size != count:
            raise ModelError(
                f"output {spec.count!r} is {list(numbers.shape)} for {count} pictures, but the head reads one number per"
                " picture: is it the right head and output in model.yaml?"
            )
        flat = {**outputs, spec.count: numbers.reshape(count)}
        axes = {spec.count: 0, spec.boxes: 2, spec.scores: 1, spec.classes: 1}
        return [self._cut(rows) for rows in split(flat, axes, count)]

    def _cut(self, rows: Rows) -> Rows:
        """Leave out what is behind the count, which may be anything, even NaN. What does not fit is for `candidates` to refuse."""
        number, lists = float(rows[self._spec.count]), {name: rows[name] for name in self.outputs[1:]}
        lengths = {len(value) for value in lists.values()}
        if len(lengths) > 1 or not _is_count(number, max(lengths)):
            return rows
        return {self._spec.count: rows[self._spec.count]} | {
            name: value[: int(number)] for name, value in lists.items()
        }

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        spec = self._spec
        boxes, scores, classes = rows[spec.boxes], rows[spec.scores], rows[spec.classes]
        expect(spec.scores, scores, (None,), may_be_empty=True)
        expect(spec.boxes, boxes, (len(scores), 4))
        expect(spec.classes, classes, (len(scores),))
        _check_count(spec.count, float(rows[spec.count]), len(scores))
        likely = reaching(scores, threshold)
        placed = corners(boxes[likely], self._form, self._unit)
        return candidates(placed, scores[likely], classes[likely], spec.first_label_id)


def _is_count(number: float, most: int) -> bool:
    return 0 <= number <= most and number.is_integer()


def _check_count(name: str, number: float, most: int) -> None:
    if not _is_count(number, most):
        raise ModelError(
            f"output {name!r} says that there are {number:.6g} boxes, but there is room for 0 to {most}: is it the right"
            " head in model.yaml, and are its outputs bound by the right names?"
        )
