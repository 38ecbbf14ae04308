"""The role of a detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self

from framehop.types import Detections, ModelInfo, Need

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Detector(Protocol):
    """Finds boxes in pictures. Use from one thread at a time."""

    @property
    def info(self) -> ModelInfo: ...
    @property
    def labels(self) -> Mapping[int, str]:
        """Names by label id. An id without a name is shown as its number."""

    @property
    def max_batch(self) -> int:
        """The number of pictures run at once; larger batches are split."""

    @property
    def need(self) -> Need:
        """The pixels to which a decoder may scale a picture down."""

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], source_sizes: Sequence[tuple[int, int]] | None = None
    ) -> list[Detections]:
        """Return one result per picture, in order. `pictures`: uint8 [H, W, 3], RGB, borrowed for the call. `source_sizes`: (width,
        height) of each picture before the decoder scaled it; None for the pictures' own sizes. A picture whose outputs are unusable
        gets a result with `error` set; the other pictures are unaffected. Raises InvalidArgumentError, ModelError, ClosedError."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...
