"""The YOLOX head: offsets on three grids, to be decoded here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from framehop.errors import ModelError
from framehop.postprocess.candidates import Candidates, HeadOptions, Rows, best_classes, expect
from framehop.strict import to_struct

Stride = Annotated[int, msgspec.Meta(ge=1, le=1024)]


class YoloxParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`output`: the one output's name. `strides`: input pixels per cell, finest grid first. `first_label_id`: of the
    first class."""

    output: str
    strides: Annotated[tuple[Stride, ...], msgspec.Meta(min_length=1, max_length=8)] = (8, 16, 32)
    first_label_id: Annotated[int, msgspec.Meta(ge=0, le=2**30)] = 0


@dataclass(frozen=True, slots=True)
class YoloxHead:
    """`output`: float32 [N, A, 5 + C]: centre offset x, y in cells, log of width and height in cells, objectness, class
    scores; the score of a box is objectness × class. As exported by Megvii's YOLOX without `--decode_in_inference`."""

    params: YoloxParams
    options: HeadOptions
    cells: NDArray[np.float32]  # [A, 3]: x and y of the cell, and its stride

    @classmethod
    def create(cls, options: HeadOptions) -> Self:
        where = f"{options.where}: head.params"
        params = to_struct(options.params, YoloxParams, where=where, error=ModelError)
        grids = [_grid(options.width // stride, options.height // stride, stride) for stride in params.strides]
        return cls(params, options, np.concatenate(grids))

    @property
    def outputs(self) -> tuple[str, ...]:
        return (self.params.output,)

    def candidates(self, outputs: Rows, threshold: float) -> Candidates:
        raw = outputs[self.params.output]
        expect(self.params.output, raw, (len(self.cells), None), self.options.where)
        if raw.shape[1] < 6:
            raise ModelError(
                f"{self.options.where}: output {self.params.output!r} has {raw.shape[1]} columns, fewer than 6"
            )
        likely = np.flatnonzero(
            raw[:, 4] >= threshold
        )  # a class scores at most 1, so objectness alone rules out most cells
        within, classes, best = best_classes(raw[likely, 4:5] * raw[likely, 5:], threshold)
        rows = likely[within]
        return Candidates(
            boxes=_decode(raw[rows, :4], self.cells[rows]),
            scores=best,
            label_ids=(classes + self.params.first_label_id).astype(np.int32),
        )


def _grid(columns: int, rows: int, stride: int) -> NDArray[np.float32]:
    y, x = np.mgrid[:rows, :columns]
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1).astype(np.float32)


def _decode(raw: NDArray[np.float32], cells: NDArray[np.float32]) -> NDArray[np.float32]:
    stride = cells[:, 2:]
    centre = (raw[:, :2] + cells[:, :2]) * stride
    half = np.exp(np.minimum(raw[:, 2:], 20.0)) * stride / 2  # the bound keeps a wild but finite output finite
    return np.concatenate([centre - half, centre + half], axis=1)
