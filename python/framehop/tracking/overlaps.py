"""Computes how much boxes overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def overlaps(first: Floats, second: Floats) -> Floats:
    """Return float64 [N, M], 0 to 1: intersection over union of each box of `first` with each of `second`. Boxes: float64 [N, 4],
    x1, y1, x2, y2 in pixels."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = first.T[:, :, None], second.T[:, None, :]
    width = np.maximum(np.minimum(ax2, bx2) - np.maximum(ax1, bx1), 0)
    height = np.maximum(np.minimum(ay2, by2) - np.maximum(ay1, by1), 0)
    common: Floats = width * height
    union = _areas(first)[:, None] + _areas(second) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def grown(boxes: Floats, share: float) -> Floats:
    """Return boxes that are larger on each side by `share` of their width and height."""
    margin = np.tile((boxes[:, 2:] - boxes[:, :2]) * share, 2)
    margin[:, :2] *= -1
    return boxes + margin


def _areas(boxes: Floats) -> Floats:
    sizes: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return sizes
