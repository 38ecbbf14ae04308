"""Takes all steps from one picture's outputs to its objects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framehop.inference.postprocess.boxes import not_empty, to_source
from framehop.inference.postprocess.candidates import Rows
from framehop.inference.postprocess.heads import make_head
from framehop.inference.postprocess.nms import nms
from framehop.inference.postprocess.wanted import Wanted
from framehop.inference.spec import Sidecar

EVERYTHING = Wanted()


class Objects(NamedTuple):
    """The objects of one picture, best first. `boxes`: float32 [k, 4] in source pixels; `scores`: float32 [k]; `label_ids`:
    int32 [k]."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    label_ids: NDArray[np.int32]


NO_OBJECTS = Objects(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


class Postprocessor:
    """A model's head, suppression and limits. Immutable, thread-safe."""

    def __init__(self, sidecar: Sidecar, wanted: Wanted = EVERYTHING) -> None:
        self._sidecar = sidecar
        self._wanted = wanted
        self._head = make_head(sidecar.head, sidecar.input)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the network's outputs that the head reads."""
        return self._head.outputs

    def objects(
        self,
        outputs: Rows,
        transform: NDArray[np.float64],
        *,
        picture_size: tuple[int, int],
        source_size: tuple[int, int],
    ) -> Objects:
        """Return the objects of one picture. `outputs`: its rows of the outputs, finite; the other arguments are those of
        :func:`to_source`. Drops boxes outside the picture. Raises ModelError if the outputs' shapes are not the head's."""
        sidecar = self._sidecar
        conf = sidecar.score_threshold
        found = self._wanted.pick(self._head.candidates(outputs, self._wanted.threshold(conf)), conf)
        kept = nms(
            found.boxes,
            found.scores,
            found.label_ids,
            iou=sidecar.nms.iou,
            class_agnostic=sidecar.nms.class_agnostic,
            max_candidates=sidecar.nms.max_candidates,
            max_objects=sidecar.max_objects,
        )
        boxes = to_source(found.boxes[kept], transform, picture_size=picture_size, source_size=source_size)
        inside = not_empty(boxes)
        return Objects(boxes[inside], found.scores[kept][inside], found.label_ids[kept][inside])
