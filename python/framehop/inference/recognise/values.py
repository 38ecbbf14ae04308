"""Questions to the numbers of a run on the bundled picture. Boxes are float [k, 4], scores float [k] or [k, c]."""

from __future__ import annotations

from typing import Literal

import numpy as np

from framehop.inference.tensors import Tensor

Box = Literal["xyxy", "cxcywh"]

_TOLERANCE, _MOST, _NEARLY_ALL = 1e-3, 0.9, 0.98
_SHARE = 1.5  # shares of a side go a little beyond 1, pixels go far beyond
_LOGARITHM = 8  # of more cells than any picture has
_UNDECODED_CELLS = 32  # an offset within a cell, counted in cells


def of_one(value: Tensor) -> Tensor:
    """Return one picture's values: without the axis of the batch, unless it is missing."""
    return value[0] if value.ndim > 2 and len(value) == 1 else value


def are_scores(values: Tensor) -> bool:
    """Return whether all values are probabilities."""
    return bool(values.size and np.all((values >= -_TOLERANCE) & (values <= 1 + _TOLERANCE)))


def are_ids(values: Tensor) -> bool:
    """Return whether all values are whole numbers from -1 up, as label ids are, -1 being the mark of an empty row."""
    return bool(values.size and np.all(values == np.rint(values)) and np.all(values >= -1))


def are_shares(boxes: Tensor) -> bool:
    """Return whether the boxes are shares of the canvas' sides and not pixels. Empty rows count only if there are no others."""
    rows = boxes.reshape(-1, boxes.shape[-1])
    filled = rows[np.any(rows != 0, axis=1)]
    return bool(boxes.size and (not len(filled) or np.mean(np.abs(filled) <= _SHARE) > _NEARLY_ALL))


def are_corners(boxes: Tensor) -> bool:
    """Return whether the third and fourth number are never below the first and second, as in x1, y1, x2, y2."""
    return bool(np.all(boxes[:, 2:] >= boxes[:, :2] - _TOLERANCE))


def form(boxes: Tensor) -> Box:
    """Return how the boxes of all anchors are written. Among so many, some are narrower than they are far from the left, so that
    only two corners never fall."""
    return "xyxy" if np.any(boxes) and are_corners(boxes) else "cxcywh"


def are_centred(boxes: Tensor, size: tuple[int, int]) -> bool:
    """Return whether these may be cx, cy, w, h: centres on the canvas of `size` (width, height), and sides not below zero."""
    centres = boxes[:, :2] / np.asarray(size, np.float64)
    inside = np.all(np.abs(centres - 0.5) <= 0.75, axis=1)
    return bool(np.mean(boxes[:, 2:] >= -_TOLERANCE) > _MOST and np.mean(inside) > _MOST)


def are_offsets(boxes: Tensor) -> bool:
    """Return whether these are places within cells and logarithms of sides, which still have to be decoded. Shares of the canvas'
    sides are as small, but never below zero."""
    sides = boxes[:, 2:]
    if are_shares(boxes) and np.all(boxes >= -_TOLERANCE):
        return False
    logarithms = np.any(sides < -_TOLERANCE) or np.max(sides) < _LOGARITHM
    return bool(logarithms and np.median(np.abs(boxes[:, :2])) < _UNDECODED_CELLS)


def are_spread(boxes: Tensor, size: tuple[int, int]) -> bool:
    """Return whether the first two numbers range over most of the canvas, as decoded centres do."""
    ranges = np.ptp(boxes[:, :2], axis=0) / np.asarray(size, np.float64)
    return bool(np.all(ranges > 0.5) and np.all(ranges < 2.0))


def are_decoded(boxes: Tensor, size: tuple[int, int]) -> bool:
    """Return whether these are decoded boxes: centre and sides in pixels, all over the canvas."""
    return are_centred(boxes, size) and are_spread(boxes, size)


def sum_to_one(scores: Tensor) -> bool:
    """Return whether the scores of each row share out a whole, as a softmax does."""
    return are_scores(scores) and bool(np.allclose(scores.sum(axis=-1), 1.0, atol=0.01))


def readings(boxes: Tensor, size: tuple[int, int]) -> list[Box]:
    """Return the ways in which finished boxes can be read. Low-scored ones are best: they are of all shapes."""
    sides = (1, 1) if are_shares(boxes) else size
    ways: list[Box] = ["xyxy"] if are_corners(boxes) else []
    if are_centred(boxes, sides) and _within(boxes, sides):
        ways.append("cxcywh")
    return ways


def _within(boxes: Tensor, sides: tuple[int, int]) -> bool:
    """Return whether boxes read as centre and sides stay on the canvas, give or take a tenth."""
    reach = np.abs(boxes[:, :2] / np.asarray(sides) - 0.5) + boxes[:, 2:] / np.asarray(sides) / 2
    return bool(np.mean(np.all(reach <= 0.6, axis=1)) > _MOST)
