"""The SSD head: boxes that the network has decoded already, one score per anchor and class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

import msgspec
import numpy as np

from framehop.errors import ModelError
from framehop.postprocess.candidates import Candidates, HeadOptions, Rows, best_classes, expect
from framehop.strict import to_struct


class SsdParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`scores`, `boxes`: names of outputs. `first_label_id`: the label id of column 0 of the scores."""

    scores: str
    boxes: str
    first_label_id: Annotated[int, msgspec.Meta(ge=0, le=2**30)] = 0


@dataclass(frozen=True, slots=True)
class SsdHead:
    """`scores`: float32 [N, A, C], 0–1, no background column. `boxes`: float32 [N, A, 1, 4]: ymin, xmin, ymax, xmax, as
    shares of the input's sides. As in TensorFlow's Object Detection API, cut before its suppression."""

    params: SsdParams
    options: HeadOptions

    @classmethod
    def create(cls, options: HeadOptions) -> Self:
        where = f"{options.where}: head.params"
        return cls(to_struct(options.params, SsdParams, where=where, error=ModelError), options)

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self.params.scores, self.params.boxes)

    def candidates(self, outputs: Rows, threshold: float) -> Candidates:
        scores, boxes = outputs[self.params.scores], outputs[self.params.boxes]
        expect(self.params.scores, scores, (None, None), self.options.where)
        expect(self.params.boxes, boxes, (len(scores), 1, 4), self.options.where)
        rows, classes, best = best_classes(scores, threshold)
        size = np.array([self.options.width, self.options.height] * 2, np.float32)
        return Candidates(
            boxes=boxes[rows, 0][:, [1, 0, 3, 2]] * size,
            scores=best,
            label_ids=(classes + self.params.first_label_id).astype(np.int32),
        )
