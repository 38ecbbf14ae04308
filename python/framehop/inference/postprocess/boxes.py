"""Maps boxes from the input tensor back onto the source picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def to_source(
    boxes: NDArray[np.float32],
    transform: NDArray[np.float64],
    *,
    picture_size: tuple[int, int],
    source_size: tuple[int, int],
) -> NDArray[np.float32]:
    """Undo the resize, then the decoder's scaling, and clip to the source.

    `boxes`: float32 [k, 4], x1, y1, x2, y2 in pixels of the input tensor. `transform`: (scale_x, scale_y, pad_x, pad_y)
    of the resize. Sizes are (width, height): `picture_size` of the decoded pixels, which may be fewer than the
    source's. Returns float32 [k, 4] in source pixels, within 0..width and 0..height; a box outside the picture comes
    back empty.
    """
    corners = boxes.reshape(-1, 2, 2).astype(np.float64)
    placed = (corners - transform[2:]) / transform[:2] * np.divide(source_size, picture_size)
    clipped: NDArray[np.float32] = np.minimum(np.maximum(placed, 0.0), source_size).astype(np.float32)
    return clipped.reshape(-1, 4)


def not_empty(boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return bool [k]: whether a box has an area."""
    return (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
