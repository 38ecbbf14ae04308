"""Heads of networks that give finished boxes, a row of numbers each."""

from __future__ import annotations

from framehop.inference.head_specs import CenternetSpec, RowsSpec
from framehop.inference.postprocess.candidates import Candidates, candidates, reaching
from framehop.inference.postprocess.corners import PIXELS, corners
from framehop.inference.postprocess.rows import Outputs, Rows, expect, split
from framehop.inference.spec import InputSpec

# Columns in all, and those of the box, the score and the class.
_COLUMNS = {
    "box-score-class": (6, slice(0, 4), 4, 5),
    "class-score-box": (6, slice(2, 6), 1, 0),
    "image-box-score-class": (7, slice(1, 5), 5, 6),
}


class RowsHead:
    """Reads `output`: [N, K, 6]: a box, its score and its class, in the order and form that the spec says; or [N, K, 7] with a
    number of the picture before them, which means nothing here."""

    def __init__(self, spec: RowsSpec, tensor: InputSpec) -> None:
        self._spec = spec
        self._unit = (tensor.width, tensor.height) if spec.normalised else PIXELS
        self._columns, self._box, self._score, self._class = _COLUMNS[spec.columns]

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.output,)

    @property
    def suppress(self) -> bool:
        return self._spec.nms

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        return split(outputs, {self._spec.output: 2}, count)

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        raw = rows[self._spec.output]
        expect(self._spec.output, raw, (None, self._columns), may_be_empty=True)
        likely = raw[reaching(raw[:, self._score], threshold)]
        boxes = corners(likely[:, self._box], self._spec.box, self._unit)
        return candidates(boxes, likely[:, self._score], likely[:, self._class], self._spec.first_label_id)


class CenternetHead(RowsHead):
    """Reads `output` of CenterNet with its decoding inside: [N, K, 6]: x1, y1, x2, y2 in cells of `stride` pixels, score, class."""

    def __init__(self, spec: CenternetSpec, tensor: InputSpec) -> None:
        super().__init__(RowsSpec(output=spec.output, first_label_id=spec.first_label_id), tensor)
        self._unit = spec.stride, spec.stride
