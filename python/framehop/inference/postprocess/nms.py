"""Selects objects among candidates: by suppression in the core, or by the score alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framehop import _core
from framehop.inference.postprocess.candidates import Candidates
from framehop.inference.spec import NmsSpec


def suppressed(found: Sequence[Candidates], spec: NmsSpec, max_objects: int) -> list[Candidates]:
    """Return each picture's candidates without those that overlap better ones of the same picture; best first. See _core.nms."""
    kept = _core.nms(
        [(one.boxes, one.scores, one.label_ids) for one in found],
        iou=spec.iou,
        class_agnostic=spec.class_agnostic,
        max_candidates=spec.max_candidates,
        max_objects=max_objects,
    )
    return [one.take(indices) for one, indices in zip(found, kept, strict=True)]


def nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    label_ids: NDArray[np.int32],
    *,
    iou: float,
    class_agnostic: bool = True,
    max_candidates: int = 1000,
    max_objects: int = 100,
) -> NDArray[np.intp]:
    """Return the indices of the boxes of one picture to keep, best first. Arguments and errors are those of _core.nms; `boxes` may
    be of any strides."""
    [kept] = _core.nms(
        [(np.ascontiguousarray(boxes), scores, label_ids)],
        iou=iou,
        class_agnostic=class_agnostic,
        max_candidates=max_candidates,
        max_objects=max_objects,
    )
    return kept


def best(found: Candidates, max_objects: int) -> Candidates:
    """Return the `max_objects` candidates with the highest scores; between equal scores the lower index is the better one."""
    order: NDArray[np.intp] = np.argsort(-found.scores, kind="stable")
    return found.take(order[:max_objects])
