"""How much boxes overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def overlaps(first: Floats, second: Floats) -> Floats:
    """Return float64 [N, M], 0 to 1: intersection over union of each box of `first` with each of `second`. Boxes: float64 [N, 4],
    x1, y1, x2, y2 in pixels."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.clip(bottom_right - top_left, 0, None).prod(axis=2)
    union = _areas(first)[:, None] + _areas(second) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def grown(boxes: Floats, share: float) -> Floats:
    """Return boxes that are larger on each side by `share` of their width and height."""
    margin = np.tile((boxes[:, 2:] - boxes[:, :2]) * share, 2)
    margin[:, :2] *= -1
    return boxes + margin


def _areas(boxes: Floats) -> Floats:
    sizes: Floats = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return sizes
