"""The input tensor and the kernel that fills it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from framehop._core import Preprocessor

if TYPE_CHECKING:
    from framehop._core import ResizeMode  # of the stubs alone

Layout = Literal["NHWC", "NCHW"]
PerChannel = tuple[float, float, float]


class InputTensor:
    """Owns one tensor for batches of up to `max_batch` pictures; every fill writes into the same memory. Not
    thread-safe."""

    def __init__(
        self,
        *,
        width: int,
        height: int,
        max_batch: int,
        mode: ResizeMode,
        layout: Layout,
        colour: Literal["RGB", "BGR"],
        scale: PerChannel,
        bias: PerChannel,
        pad: float,
    ) -> None:
        """Arguments as in :class:`framehop._core.Preprocessor`. Raises InvalidArgumentError."""
        self._kernel = Preprocessor(
            width=width, height=height, mode=mode, layout=layout, colour=colour, scale=scale, bias=bias, pad=pad
        )
        item = (height, width, 3) if layout == "NHWC" else (3, height, width)
        self._tensor = np.zeros((max_batch, *item), np.float32)

    def fill(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Resize and normalise `pictures` (uint8 [H, W, 3], RGB; at most `max_batch`).

        Returns the batch, float32 [n, …], a view that is valid until the next fill; and float64 [n, 4]: (scale_x,
        scale_y, pad_x, pad_y) with x_input = x_picture * scale_x + pad_x. Raises InvalidArgumentError.
        """
        batch = self._tensor[: len(pictures)]
        return batch, self._kernel.run(pictures, batch)

    def blank(self, count: int) -> NDArray[np.float32]:
        """A batch of `count` rows of zeros, for warming up. Valid until the next fill."""
        self._tensor[:count] = 0.0
        return self._tensor[:count]
