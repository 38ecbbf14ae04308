"""Checks on the bundled picture that a head reads a network's outputs as boxes. A wrong head is silently wrong otherwise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from framehop.errors import ModelError
from framehop.inference.head_specs import HeadSpec, Yolov5Spec, Yolov8Spec
from framehop.inference.postprocess import make_head
from framehop.inference.postprocess.rows import finite
from framehop.inference.spec import InputSpec, ModelSpec
from framehop.inference.tensors import Tensor

_INSIDE_OUT, _OUTSIDE, _HUGE = 0.2, 0.5, 0.5  # shares of all boxes, of which a good head has next to none
_SPECK = 2.5  # pixels
_ROUNDING, _MANY = 1e-3, 100


def complaint(spec: ModelSpec, outputs: Mapping[str, Tensor]) -> str:
    """Return what is wrong with the boxes that the head of `spec` reads from `outputs`, of one picture; empty if nothing is."""
    head = make_head(spec.head, spec.input)
    missing = [name for name in head.outputs if name not in outputs]
    if missing:
        return f"the network has no output {missing[0]!r}; it has: {', '.join(outputs)}"
    try:
        [rows] = head.rows(outputs, 1)
        if not finite(rows):
            return "its outputs hold NaN or infinity for the bundled picture: export it with float32"
        found = head.candidates(rows, -np.inf)
    except ModelError as error:
        return str(error)
    real = np.any(found.boxes != found.boxes[:, :1], axis=1)
    if not real.any():
        return ""
    boxes = found.boxes[real].astype(np.float64)
    return (
        _of_scores(found.scores[real]) or _of_form(spec, boxes) or _of_boxes(boxes, spec.input.width, spec.input.height)
    )


def best_score(head: HeadSpec, tensor: InputSpec, outputs: Mapping[str, Tensor]) -> float:
    """Return the best score of one picture, 0 if the head cannot read its outputs."""
    reader = make_head(head, tensor)
    try:
        [rows] = reader.rows(outputs, 1)
        return float(max(reader.candidates(rows, 0.0).scores, default=0.0)) if finite(rows) else 0.0
    except ModelError:
        return 0.0


def _of_scores(scores: NDArray[np.float32]) -> str:
    if (least := float(scores.min())) >= -_ROUNDING:
        return ""
    return f"a score is {least:.4g}: these are logits, not scores of 0 to 1; export the model with its last sigmoid or softmax"


def _of_form(spec: ModelSpec, boxes: NDArray[np.float64]) -> str:
    """Return a complaint if two corners are read as centre and sides. Such boxes lie inside the picture, but each is as wide as its
    centre is far from the left; among the right boxes of all cells some are narrower."""
    centred = isinstance(spec.head, Yolov5Spec) or (isinstance(spec.head, Yolov8Spec) and spec.head.box == "cxcywh")
    sides, centres = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
    if centred and len(boxes) > _MANY and np.all(sides >= centres - _ROUNDING):
        return "its boxes are two corners, and the head reads centre and sides"
    return ""


def _of_boxes(boxes: NDArray[np.float64], width: int, height: int) -> str:
    canvas = np.array([width, height])
    sides = boxes[:, 2:] - boxes[:, :2]
    centres = (boxes[:, 2:] + boxes[:, :2]) / 2 / canvas
    if np.mean(np.any(sides < -1e-3 * canvas, axis=1)) > _INSIDE_OUT:
        return "many of its boxes are inside out: corners are not what it gives, or they are not decoded yet"
    if np.mean(np.any(sides > 3 * canvas, axis=1)) > _HUGE:
        return "most of its boxes are larger than the picture: they are decoded already, or are not shares of its sides"
    if np.mean(np.any(np.abs(centres - 0.5) > 1.0, axis=1)) > _OUTSIDE:
        return "most of its boxes lie outside the picture"
    if len(boxes) > 1 and min(width, height) > 32 and np.abs(boxes).max() < _SPECK:
        return "all of its boxes are within two pixels of the corner: they are shares of the sides, and the head reads pixels"
    return ""
