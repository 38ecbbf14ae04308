"""Gives what was found in the forms of other libraries, without needing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from framehop.types import DetectedObject

NO_TRACK = -1  # what supervision's own trackers give a box that belongs to no track


class SupervisionArguments(TypedDict):
    """The arguments of `supervision.Detections`, a row per object. `xyxy`: float32 [N, 4], source pixels; `confidence`: float32
    [N], 0–1; `class_id`: int64 [N]; `tracker_id`: int64 [N], or None when no object has a track; `data`: `class_name`, strings
    [N]."""

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int64]
    tracker_id: NDArray[np.int64] | None
    data: dict[str, NDArray[np.str_]]


class CocoAnnotation(TypedDict):
    """One object in the words of COCO's results. `bbox`: x, y, width, height in source pixels. `area`: that of the box."""

    image_id: int
    category_id: int
    bbox: list[float]
    area: float
    iscrowd: int
    score: float


def supervision_arguments(objects: Sequence[DetectedObject]) -> SupervisionArguments:
    """Return the arguments of `supervision.Detections` for these objects, in their order."""
    import numpy as np

    tracks = [found.track_id for found in objects]
    return SupervisionArguments(
        xyxy=np.array([found.box for found in objects], np.float32).reshape(-1, 4),
        confidence=np.array([found.confidence for found in objects], np.float32),
        class_id=np.array([found.label_id for found in objects], np.int64),
        tracker_id=None
        if all(track is None for track in tracks)
        else np.array([NO_TRACK if track is None else track for track in tracks], np.int64),
        data={"class_name": np.array([found.label for found in objects], np.str_)},
    )


def coco_annotations(objects: Sequence[DetectedObject], image_id: int) -> list[CocoAnnotation]:
    """Return these objects as COCO has them, in their order."""
    return [_coco_annotation(found, image_id) for found in objects]


def _coco_annotation(found: DetectedObject, image_id: int) -> CocoAnnotation:
    x1, y1, x2, y2 = found.box
    return CocoAnnotation(
        image_id=image_id,
        category_id=found.label_id,
        bbox=[x1, y1, x2 - x1, y2 - y1],
        area=(x2 - x1) * (y2 - y1),
        iscrowd=0,
        score=found.confidence,
    )
