"""Checks on the bundled picture that a head reads a network's outputs as boxes. A wrong head is silently wrong otherwise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from framehop.errors import ModelError
from framehop.inference.head_specs import HeadSpec
from framehop.inference.postprocess import make_head
from framehop.inference.postprocess.rows import finite
from framehop.inference.spec import InputSpec, ModelSpec
from framehop.inference.tensors import Tensor

_INSIDE_OUT, _OUTSIDE, _HUGE = 0.2, 0.5, 0.5  # shares of all boxes, of which a good head has next to none
_SPECK = 2.5  # pixels


def complaint(spec: ModelSpec, outputs: Mapping[str, Tensor]) -> str:
    """Return what is wrong with the boxes that the head of `spec` reads from `outputs`, of one picture; empty if nothing is."""
    head = make_head(spec.head, spec.input)
    missing = [name for name in head.outputs if name not in outputs]
    if missing:
        return f"the network has no output {missing[0]!r}; it has: {', '.join(outputs)}"
    try:
        [rows] = head.rows(outputs, 1)
        if not finite(rows):
            return ""  # a picture's own fault, perhaps: the engine says so for each
        found = head.candidates(rows, 0.0)
    except ModelError as error:
        return str(error)
    real = found.boxes[np.any(found.boxes != found.boxes[:, :1], axis=1)].astype(np.float64)
    return _of_boxes(real, spec.input.width, spec.input.height) if len(real) else ""


def best_score(head: HeadSpec, tensor: InputSpec, outputs: Mapping[str, Tensor]) -> float:
    """Return the best score of one picture, 0 if the head cannot read its outputs."""
    reader = make_head(head, tensor)
    try:
        [rows] = reader.rows(outputs, 1)
        return float(max(reader.candidates(rows, 0.0).scores, default=0.0)) if finite(rows) else 0.0
    except ModelError:
        return 0.0


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
        return "all of its boxes are within two pixels of the corner: they are shares of the sides"
    return ""
