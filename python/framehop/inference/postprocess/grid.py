"""The cells of a grid that covers the input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def grid(columns: int, rows: int, stride: int) -> NDArray[np.float32]:
    """Return float32 [columns × rows, 3]: x and y of each cell, row by row, and the stride, its side in pixels."""
    y, x = np.mgrid[:rows, :columns]
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1).astype(np.float32)
