"""Photographs with a known object, from scikit-image."""

from __future__ import annotations

from importlib import metadata

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PICTURES = {"astronaut": "person", "chelsea": "cat", "coffee": "cup", "motorcycle_left": "motorcycle"}
Pixels = NDArray[np.uint8]


def photograph(name: str) -> Pixels:
    """One of scikit-image's pictures, from the installed distribution's own list of files."""
    files = metadata.distribution("scikit-image").files or []
    [path] = [file for file in files if file.as_posix() == f"skimage/data/{name}.png"]
    with Image.open(str(path.locate())) as image:
        return np.asarray(image.convert("RGB"))
