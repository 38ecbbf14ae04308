"""Heads of networks that give finished boxes, scores and labels in outputs of their own."""

from __future__ import annotations

from framehop.inference.head_specs import MmdeploySpec, RtdetrSpec
from framehop.inference.postprocess.candidates import Candidates, candidates, reaching
from framehop.inference.postprocess.corners import PIXELS, corners
from framehop.inference.postprocess.rows import Outputs, Rows, expect, split
from framehop.inference.spec import InputSpec


class RtdetrHead:
    """Reads the outputs of RT-DETR, D-FINE and DEIM as deployed, which know the input's size. `labels`: [N, K]; `boxes`: [N, K, 4]:
    x1, y1, x2, y2 in pixels; `scores`: [N, K]."""

    suppress = False

    def __init__(self, spec: RtdetrSpec, tensor: InputSpec) -> None:
        self._spec = spec

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.labels, self._spec.boxes, self._spec.scores)

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        return split(outputs, {self._spec.labels: 1, self._spec.boxes: 2, self._spec.scores: 1}, count)

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        labels, boxes, scores = (rows[name] for name in self.outputs)
        expect(self._spec.scores, scores, (None,), may_be_empty=True)
        expect(self._spec.boxes, boxes, (len(scores), 4))
        expect(self._spec.labels, labels, (len(scores),))
        likely = reaching(scores, threshold)
        placed = corners(boxes[likely], "xyxy", PIXELS)
        return candidates(placed, scores[likely], labels[likely], self._spec.first_label_id)


class MmdeployHead:
    """Reads the outputs of MMDetection exported by MMDeploy. `dets`: [N, K, 5]: x1, y1, x2, y2 in pixels, score; `labels`: [N, K],
    negative in rows without an object."""

    suppress = False

    def __init__(self, spec: MmdeploySpec, tensor: InputSpec) -> None:
        self._spec = spec

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.dets, self._spec.labels)

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        return split(outputs, {self._spec.dets: 2, self._spec.labels: 1}, count)

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        dets, labels = rows[self._spec.dets], rows[self._spec.labels]
        expect(self._spec.dets, dets, (None, 5), may_be_empty=True)
        expect(self._spec.labels, labels, (len(dets),))
        likely = reaching(dets[:, 4], threshold)
        placed = corners(dets[likely, :4], "xyxy", PIXELS)
        return candidates(placed, dets[likely, 4], labels[likely], self._spec.first_label_id)
