"""The ways in which networks write a box, turned into the one that framehop uses."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from framehop.inference.postprocess.candidates import floats
from framehop.inference.postprocess.rows import Array

Form = Literal["xyxy", "yxyx", "cxcywh"]

PIXELS = 1.0, 1.0

# Beyond any input, and so small that what follows stays finite in float32, up to the area of a box.
FAR = np.float32(1e6)


def corners(boxes: Array, form: Form, unit: tuple[float, float]) -> NDArray[np.float32]:
    """Return float32 [k, 4]: x1, y1, x2, y2 in pixels of the input tensor. `boxes`: [k, 4] as `form` says; `unit`: width and height
    in pixels that a box's 1 stands for, the tensor's sides if boxes are shares of them."""
    near = np.clip(floats(boxes), -FAR, FAR)
    scale = np.array(unit * 2, np.float32)
    if form == "yxyx":
        return near[:, [1, 0, 3, 2]] * scale
    if form == "cxcywh":
        return around(near[:, :2], near[:, 2:]) * scale
    return near * scale


def around(centre: NDArray[np.float32], size: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 [k, 4]: the corners of boxes of `size` (float32 [k, 2], width and height) around `centre` (float32 [k, 2])."""
    half = size / 2
    return np.concatenate([centre - half, centre + half], axis=1)
