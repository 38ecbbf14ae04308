"""Heads of networks that give finished boxes, scores and labels in outputs of their own."""

from __future__ import annotations

from framehop.inference.head_specs import MmdeploySpec, RtdetrSpec
from framehop.inference.postprocess.candidates import Candidates, candidates, reaching
from framehop.inference.postprocess.corners import PIXELS, corners
from framehop.inference.postprocess.rows import Array, Outputs, Rows, expect, output, split
from framehop.inference.spec import InputSpec


class RtdetrHead:
    """Reads labels, boxes and scores in lists of their own, as of RT-DETR, D-FINE and DEIM as deployed, which know the input's
    size. `labels`, `scores`: [N, K] or [N, K, 1]; `boxes`: [N, K, 4], in the form and unit that the spec says."""

    def __init__(self, spec: RtdetrSpec, tensor: InputSpec) -> None:
        self._spec = spec
        self._unit = (tensor.width, tensor.height) if spec.normalised else PIXELS

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.labels, self._spec.boxes, self._spec.scores)

    @property
    def suppress(self) -> bool:
        return self._spec.nms

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        spec, axes = self._spec, output(outputs, self._spec.boxes).ndim
        lists = {name: _listed(output(outputs, name), axes) for name in (spec.labels, spec.scores)}
        return split({**outputs, **lists}, {spec.labels: 1, spec.boxes: 2, spec.scores: 1}, count)

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        labels, boxes, scores = (rows[name] for name in self.outputs)
        expect(self._spec.scores, scores, (None,), may_be_empty=True)
        expect(self._spec.boxes, boxes, (len(scores), 4))
        expect(self._spec.labels, labels, (len(scores),))
        likely = reaching(scores, threshold)
        placed = corners(boxes[likely], self._spec.box, self._unit)
        return candidates(placed, scores[likely], labels[likely], self._spec.first_label_id)


def _listed(value: Array, axes: int) -> Array:
    """Return a list per picture, without the last axis of one number that some exporters leave, so that it has as many `axes` as
    the boxes."""
    return value[..., 0] if value.ndim == axes and value.shape[-1:] == (1,) else value


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
