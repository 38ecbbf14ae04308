"""The seam between pictures and a network: whatever turns the one into the other's tensor, here or on a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from framehop.inference.tensors import Batch


class Preprocessor(Protocol):
    """Makes the input tensors of one network. Use from one thread at a time."""

    def fill(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[Batch, NDArray[np.float64]]:
        """Resize and normalise 1 to `max_batch` `pictures` (uint8 [H, W, 3], RGB). They are borrowed: until the network has run.

        Returns the batch, [n, …] by the input's layout, valid until the next fill; and float64 [n, 4]: (scale_x, scale_y, pad_x,
        pad_y) with x_input = x_picture * scale_x + pad_x. Raises InvalidArgumentError, ModelError when a device fails.
        """

    def blank(self, count: int) -> Batch:
        """Return a batch of `count` dark pictures, for warming up. It is valid until the next fill."""

    def close(self) -> None:
        """Free what it holds. Closing twice is harmless."""
