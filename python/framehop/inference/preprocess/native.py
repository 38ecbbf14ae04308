"""The input tensor and the kernel that fills it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framehop._core import Preprocessor
from framehop.inference.page_locks import PageLocks
from framehop.inference.spec import InputSpec, ResizeSpec
from framehop.inference.tensors import InputArray


class InputTensor:
    """Owns one tensor for batches of up to `max_batch` pictures; every fill writes into the same memory. Not thread-safe."""

    def __init__(self, spec: InputSpec, resize: ResizeSpec, *, max_batch: int, locks: PageLocks | None = None) -> None:
        """Make the tensor and its kernel. `locks`: what page-locks the tensor for a GPU. Raises InvalidArgumentError."""
        self._kernel = Preprocessor(
            width=spec.width,
            height=spec.height,
            mode=resize.mode,
            layout=spec.layout,
            colour=spec.colour,
            scale=spec.scales,
            bias=spec.biases,
            pad=resize.pad,
        )
        self._tensor: InputArray = np.zeros((max_batch, *spec.item_shape), spec.dtype)
        self._locks = locks
        if locks is not None:
            locks.lock(self._tensor.ctypes.data, self._tensor.nbytes)

    def fill(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[InputArray, NDArray[np.float64]]:
        """Resize and normalise `pictures` (uint8 [H, W, 3], RGB; at most `max_batch`).

        Returns the batch, [n, …] by the spec's dtype and layout, a view that is valid until the next fill; and float64 [n, 4]:
        (scale_x, scale_y, pad_x, pad_y) with x_input = x_picture * scale_x + pad_x. Raises InvalidArgumentError.
        """
        batch = self._tensor[: len(pictures)]
        return batch, self._kernel.run(pictures, batch)

    def blank(self, count: int) -> InputArray:
        """Return a batch of `count` rows of zeros, for warming up. It is valid until the next fill."""
        self._tensor[:count] = 0
        return self._tensor[:count]

    def close(self) -> None:
        """Unlock the memory, which goes with this object. Closing twice is harmless."""
        if self._locks is not None:
            self._locks.close()
