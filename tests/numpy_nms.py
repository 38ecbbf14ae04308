"""Greedy non-maximum suppression in NumPy: what the core's is compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    label_ids: NDArray[np.int32],
    *,
    iou: float,
    class_agnostic: bool,
    max_candidates: int,
    max_objects: int,
) -> NDArray[np.intp]:
    """Return the indices of the boxes to keep, best first. Equal scores are ordered by index, so that the order is deterministic.

    `boxes`: float32 [k, 4], x1, y1, x2, y2; `scores`: float32 [k]; `label_ids`: int32 [k]. A box is dropped when it overlaps
    a better one by more than `iou` (0–1); with `class_agnostic` false only if both have the same label. Only the
    `max_candidates` best are looked at and at most `max_objects` kept, which bounds the work by their product.
    """
    rest = np.argsort(-scores, kind="stable")[:max_candidates]
    kept: list[np.intp] = []
    while len(rest) and len(kept) < max_objects:
        best, rest = rest[0], rest[1:]
        kept.append(best)
        gone = _iou(boxes[best], boxes[rest]) > iou
        if not class_agnostic:
            gone &= label_ids[rest] == label_ids[best]
        rest = rest[~gone]
    return np.array(kept, np.intp)


def _iou(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    corner, far = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = _area(corner, far)
    union = _area(box[:2], box[2:]) + _area(others[:, :2], others[:, 2:]) - shared
    overlap: NDArray[np.float32] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap


def _area(corner: NDArray[np.float32], far: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the areas; a box turned inside out has none."""
    area: NDArray[np.float32] = np.prod(np.maximum(far - corner, 0), axis=-1)
    return area
