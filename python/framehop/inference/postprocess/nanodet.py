"""The head of NanoDet, NanoDet-Plus and PicoDet, which say a box's sides as distributions of distances from a cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framehop.inference.head_specs import NanodetSpec
from framehop.inference.postprocess.activation import softmax
from framehop.inference.postprocess.candidates import Candidates, best_classes, candidates, floats
from framehop.inference.postprocess.grid import grid
from framehop.inference.postprocess.rows import Array, Outputs, Rows, expect, split
from framehop.inference.spec import InputSpec

# Where the centre of a cell is: as a share of its side, and pixels beyond that. A family keeps what it was trained with.
_CENTRES = {"nanodet": (0.5, -0.5), "nanodet-plus": (0.0, 0.0), "picodet": (0.5, 0.0)}


class NanodetHead:
    """Reads two outputs per grid, whose G cells are ordered row by row. `scores`: [N, G, C], 0–1; `boxes`: [N, G, 4 · (r + 1)]: for
    each of left, top, right and bottom the logits of a distance of 0 to r cells (Li et al., Generalized Focal Loss, 2020)."""

    suppress = True

    def __init__(self, spec: NanodetSpec, tensor: InputSpec) -> None:
        self._spec = spec
        self._grids = [grid(-(-tensor.width // side), -(-tensor.height // side), side) for side in spec.strides]
        self._share, self._beyond = _CENTRES[spec.variant]

    @property
    def outputs(self) -> tuple[str, ...]:
        return (*self._spec.scores, *self._spec.boxes)

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        return split(outputs, dict.fromkeys(self.outputs, 2), count)

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        self._check(rows)
        likely = [best_classes(floats(rows[name]), threshold) for name in self._spec.scores]
        boxes = [
            self._decode(rows[name][chosen], cells[chosen])
            for name, cells, (chosen, _, _) in zip(self._spec.boxes, self._grids, likely, strict=True)
        ]
        _, classes, best = (np.concatenate(parts) for parts in zip(*likely, strict=True))
        return candidates(np.concatenate(boxes), best, classes, self._spec.first_label_id)

    def _check(self, rows: Rows) -> None:
        for score, box, cells in zip(self._spec.scores, self._spec.boxes, self._grids, strict=True):
            expect(score, rows[score], (len(cells), None))
            expect(box, rows[box], (len(cells), max(8, rows[box].shape[-1] // 4 * 4)))

    def _decode(self, raw: Array, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        shares = softmax(floats(raw).reshape(len(raw), 4, raw.shape[1] // 4))
        distances = shares @ np.arange(shares.shape[2], dtype=np.float32) * cells[:, 2:]
        centre = (cells[:, :2] + np.float32(self._share)) * cells[:, 2:] + np.float32(self._beyond)
        return np.concatenate([centre - distances[:, :2], centre + distances[:, 2:]], axis=1)
