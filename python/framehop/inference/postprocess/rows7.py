"""The head of networks that suppress inside and give the boxes of all pictures in one list: YOLOv7, and YOLO-NAS in its flat
format."""

from __future__ import annotations

import numpy as np

from framehop.errors import ModelError
from framehop.inference.head_specs import Rows7Spec
from framehop.inference.postprocess.candidates import Candidates, candidates, reaching
from framehop.inference.postprocess.corners import PIXELS, corners
from framehop.inference.postprocess.rows import Array, Outputs, Rows, expect, output
from framehop.inference.spec import InputSpec


class Rows7Head:
    """Reads `output`: [M, 7]: index of the picture in the batch, x1, y1, x2, y2 in pixels, then class and score in the order that
    the spec says."""

    suppress = False

    def __init__(self, spec: Rows7Spec, tensor: InputSpec) -> None:
        self._spec = spec
        self._class, self._score = (5, 6) if spec.columns == "class-score" else (6, 5)

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self._spec.output,)

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        name = self._spec.output
        raw = output(outputs, name)
        if raw.ndim != 2 or raw.shape[1] != 7:
            raise ModelError(
                f"output {name!r} is {list(raw.shape)}, but the head reads [M, 7], the boxes of all pictures together:"
                " is it the right head and output in model.yaml?"
            )
        picture = _pictures(name, raw, count)
        return [{name: raw[picture == i]} for i in range(count)]

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        raw = rows[self._spec.output]
        expect(self._spec.output, raw, (None, 7), may_be_empty=True)
        likely = raw[reaching(raw[:, self._score], threshold)]
        boxes = corners(likely[:, 1:5], "xyxy", PIXELS)
        return candidates(boxes, likely[:, self._score], likely[:, self._class], self._spec.first_label_id)


def _pictures(name: str, raw: Array, count: int) -> Array:
    """Return column 0. Raises ModelError unless each value is the index of a picture."""
    picture = raw[:, 0]
    if not np.isin(picture, np.arange(count)).all():
        raise ModelError(
            f"output {name!r} has a row of a picture that is not in the batch of {count}: column 0 is"
            f" {picture.min():.6g} to {picture.max():.6g}; is it the right head in model.yaml?"
        )
    return picture
