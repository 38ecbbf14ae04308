"""The picture that is handed over: 1920 × 1080, RGB."""

from __future__ import annotations

from importlib import resources

import numpy as np
from numpy.typing import NDArray

from framehop import _core

WIDTH, HEIGHT = 1920, 1080
SIZE = WIDTH * HEIGHT * 3


def picture() -> NDArray[np.uint8]:
    """Return uint8 [1080, 1920, 3]: a photograph, side by side with itself."""
    photograph = _core.decode_jpeg(resources.files("framehop").joinpath("models/astronaut.jpg").read_bytes())
    rows, columns = (-(-side // had) for side, had in zip((HEIGHT, WIDTH), photograph.shape, strict=False))
    return np.ascontiguousarray(np.tile(photograph, (rows, columns, 1))[:HEIGHT, :WIDTH])


def jpeg() -> bytes:
    """Return the same as a JPEG."""
    return _core.encode_jpeg(picture())
