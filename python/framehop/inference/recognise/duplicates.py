"""Tells whether finished boxes have been suppressed."""

from __future__ import annotations

import numpy as np

from framehop.inference.tensors import Tensor

_BEST, _LIKELY, _SAME = 100, 0.2, 0.75


def has_duplicates(rows: Tensor) -> bool:
    """Return whether two of the best boxes of one class lie on each other. `rows`: [k, 6]: corners, score, class."""
    best = rows[np.argsort(-rows[:, 4], kind="stable")[:_BEST]].astype(np.float64)
    best = best[best[:, 4] >= _LIKELY]
    overlaps = _overlaps(best[:, :4]) > _SAME
    same = best[:, None, 5] == best[None, :, 5]
    return bool(np.any(overlaps & same & ~np.eye(len(best), dtype=bool)))


def _overlaps(boxes: Tensor) -> Tensor:
    """Return the overlap of each two of `boxes`, [k, k], 0–1."""
    low, high = np.maximum(boxes[:, None, :2], boxes[None, :, :2]), np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    union = areas[:, None] + areas[None, :] - shared
    overlaps: Tensor = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlaps
