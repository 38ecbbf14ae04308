"""All steps from one picture's outputs to its objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framehop.postprocess.boxes import not_empty, to_source
from framehop.postprocess.candidates import Rows
from framehop.postprocess.heads import Head
from framehop.postprocess.nms import nms


class Objects(NamedTuple):
    """Best first. `boxes`: float32 [k, 4] in source pixels; `scores`: float32 [k]; `label_ids`: int32 [k]."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    label_ids: NDArray[np.int32]


NO_OBJECTS = Objects(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Postprocessor:
    """A head and the limits of its suppression, as in :func:`nms`. Immutable, thread-safe."""

    head: Head
    score_threshold: float
    iou: float
    class_agnostic: bool
    max_candidates: int
    max_objects: int

    def objects(
        self,
        outputs: Rows,
        transform: NDArray[np.float64],
        *,
        picture_size: tuple[int, int],
        source_size: tuple[int, int],
    ) -> Objects:
        """Read one picture's rows of the outputs; arguments as in :func:`to_source`. Boxes outside the picture are
        dropped."""
        found = self.head.candidates(outputs, self.score_threshold)
        kept = nms(
            found.boxes,
            found.scores,
            found.label_ids,
            iou=self.iou,
            class_agnostic=self.class_agnostic,
            max_candidates=self.max_candidates,
            max_objects=self.max_objects,
        )
        boxes = to_source(found.boxes[kept], transform, picture_size=picture_size, source_size=source_size)
        inside = not_empty(boxes)
        return Objects(boxes[inside], found.scores[kept][inside], found.label_ids[kept][inside])
