"""A detector without a network, for tests of the code that calls one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framehop.errors import ClosedError, InvalidArgumentError
from framehop.types import BatchTimings, Detections, ModelInfo, Need

BLOB = 1
_LITTLE = Need(width=1, height=1)

Box = tuple[float, float, float, float]


def detections(boxes: Sequence[Box] = (), *, error: str = "") -> Detections:
    """Return a result to script, or to compare with: every box is a blob of score 1."""
    return Detections(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.ones(len(boxes), np.float32),
        label_ids=np.full(len(boxes), BLOB, np.int32),
        error=error,
    )


class FakeModel:
    """A :class:`framehop.protocols.Detector` that finds bright blobs, or returns what a script says. Deterministic.

    A blob is a run of columns that have a pixel of at least `threshold` in all channels, from the first such row to the last; blobs
    come from left to right. With `script`, each picture gets the next result of it instead, and nothing once it has ended.
    """

    def __init__(
        self,
        *,
        script: Iterable[Detections] | None = None,
        threshold: int = 200,
        max_batch: int = 8,
        need: Need = _LITTLE,
        on_batch: Callable[[int], None] | None = None,
    ) -> None:
        """Make a detector. `on_batch` is called with the size before each batch, in the caller's thread: to wait, to raise, to
        kill."""
        self._script: Iterator[Detections] | None = None if script is None else iter(script)
        self._threshold = threshold
        self._max_batch = max_batch
        self._need = need
        self._on_batch = on_batch
        self._batches: list[int] = []
        self._closed = False

    @property
    def batches(self) -> list[int]:
        """The sizes of the batches so far, in order."""
        return list(self._batches)

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(name="fake", version="1", sha256="0" * 64, provider="fake")

    @property
    def labels(self) -> Mapping[int, str]:
        return MappingProxyType({BLOB: "blob"})

    @property
    def max_batch(self) -> int:
        return self._max_batch

    @property
    def need(self) -> Need:
        return self._need

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], source_sizes: Sequence[tuple[int, int]] | None = None
    ) -> list[Detections]:
        """Detect as the protocol says. Timings are zero; only the batch size is set."""
        if self._closed:
            raise ClosedError("the fake model is closed")
        sizes = [picture.shape[1::-1] for picture in pictures] if source_sizes is None else source_sizes
        if len(sizes) != len(pictures):
            raise InvalidArgumentError(f"{len(pictures)} pictures, but {len(sizes)} source sizes")
        results: list[Detections] = []
        for first in range(0, len(pictures), self._max_batch):
            part = slice(first, first + self._max_batch)
            results += self._detect_batch(pictures[part], sizes[part])
        return results

    def _detect_batch(
        self, pictures: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, ...]]
    ) -> list[Detections]:
        if self._on_batch is not None:
            self._on_batch(len(pictures))
        self._batches.append(len(pictures))
        timings = BatchTimings(batch_size=len(pictures))
        return [replace(self._one(*pair), timings=timings) for pair in zip(pictures, sizes, strict=True)]

    def _one(self, picture: NDArray[np.uint8], size: tuple[int, ...]) -> Detections:
        if self._script is not None:
            return next(self._script, detections())
        ratio = size[0] / picture.shape[1], size[1] / picture.shape[0]
        return detections([_scaled(box, ratio) for box in _blobs(picture.min(axis=2) >= self._threshold)])

    def close(self) -> None:
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _blobs(bright: NDArray[np.bool_]) -> list[Box]:
    boxes: list[Box] = []
    for x1, x2 in _runs(bright.any(axis=0)):
        rows = np.flatnonzero(bright[:, x1:x2].any(axis=1))
        boxes.append((x1, int(rows[0]), x2, int(rows[-1]) + 1))
    return boxes


def _runs(line: np.bool_ | NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(line.astype(np.int8), prepend=0, append=0))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _scaled(box: Box, ratio: tuple[float, float]) -> Box:
    return box[0] * ratio[0], box[1] * ratio[1], box[2] * ratio[0], box[3] * ratio[1]
