"""Finds objects in tiles of a picture, so that small ones reach the network larger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framehop.inference.spec import NmsSpec
from framehop.inference.tile_merge import merge
from framehop.inference.tiles import Size, Tile, Tiles
from framehop.types import BatchTimings, Detections

Pixels = NDArray[np.uint8]
Find = Callable[[Sequence[Pixels], Sequence[Size]], list[Detections]]


class Tiling:
    """Finds objects tile by tile, and merges them by the rule of `tile_merge`. Immutable, thread-safe."""

    def __init__(self, tiles: Tiles | None, suppression: NmsSpec, *, max_objects: int) -> None:
        """Cut by `tiles`; None leaves pictures as they are. `suppression`, `max_objects`: the model's own; here they hold across
        tiles."""
        self._tiles = tiles
        self._suppression = suppression
        self._max_objects = max_objects

    @classmethod
    def of(cls, text: str, suppression: NmsSpec, *, max_objects: int) -> Self:
        """Make the tiling that a user typed; see Tiles.parse. An empty text means no tiles. Raises ConfigError."""
        return cls(Tiles.parse(text) if text else None, suppression, max_objects=max_objects)

    @property
    def runs(self) -> int:
        """The number of pictures that the network sees for one picture, at most: 1 without tiles."""
        return 1 if self._tiles is None else self._tiles.runs

    def decode_size(self, network: Size) -> Size:
        """Return the (width, height) in pixels below which a picture should not be decoded; see Tiles.decode_size."""
        return network if self._tiles is None else self._tiles.decode_size(network)

    def detect(self, pictures: Sequence[Pixels], sizes: Sequence[Size], find: Find) -> list[Detections]:
        """Return one result per picture. Arguments and results are those of :meth:`Engine.detect`; `find` detects in the tiles
        as if each were a picture. The timings are the sums over the batches in which a picture had a tile."""
        return find(pictures, sizes) if self._tiles is None else self._detect(self._tiles, pictures, sizes, find)

    def _detect(self, grid: Tiles, pictures: Sequence[Pixels], sizes: Sequence[Size], find: Find) -> list[Detections]:
        cuts = [grid.cut(_size(picture)) for picture in pictures]
        views = [tile.view(picture) for picture, tiles in zip(pictures, cuts, strict=True) for tile in tiles]
        found = iter(find(views, [_size(view) for view in views]))
        return [
            self._result(tiles, found, _size(picture), size)
            for picture, tiles, size in zip(pictures, cuts, sizes, strict=True)
        ]

    def _result(
        self, tiles: Sequence[Tile], found: Iterator[Detections], picture_size: Size, source_size: Size
    ) -> Detections:
        parts = [next(found) for _ in tiles]
        timings = reduce(_added, dict.fromkeys(part.timings for part in parts))
        if failed := next((part for part in parts if part.error), None):
            return replace(failed, timings=timings)
        boxes, scores, label_ids = merge(tiles, parts, picture_size, self._suppression, max_objects=self._max_objects)
        boxes = (boxes * np.tile(np.divide(source_size, picture_size), 2)).astype(np.float32)
        return Detections(boxes=boxes, scores=scores, label_ids=label_ids, timings=timings)


def _added(one: BatchTimings, other: BatchTimings) -> BatchTimings:
    return BatchTimings(
        batch_size=max(one.batch_size, other.batch_size),
        preprocess_us=one.preprocess_us + other.preprocess_us,
        infer_us=one.infer_us + other.infer_us,
        postprocess_us=one.postprocess_us + other.postprocess_us,
    )


def _size(picture: Pixels) -> Size:
    return picture.shape[1], picture.shape[0]
