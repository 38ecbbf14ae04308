"""Selects a picture's objects among its candidates, for several pictures at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framehop import _core
from framehop.inference.postprocess.candidates import Candidates
from framehop.inference.spec import NmsSpec


def suppressed(found: Sequence[Candidates], spec: NmsSpec, max_objects: int) -> list[Candidates]:
    """Return each picture's candidates without those that overlap better ones of the same picture; best first. See _core.nms."""
    pictures = [(one.boxes, one.scores, one.label_ids) for one in found]
    kept = _core.nms(
        pictures,
        iou=spec.iou,
        class_agnostic=spec.class_agnostic,
        max_candidates=spec.max_candidates,
        max_objects=max_objects,
    )
    return [one.take(indices) for one, indices in zip(found, kept, strict=True)]


def best(found: Candidates, max_objects: int) -> Candidates:
    """Return the `max_objects` candidates with the highest scores; between equal scores the lower index is the better one."""
    order: NDArray[np.intp] = np.argsort(-found.scores, kind="stable")
    return found.take(order[:max_objects])
