"""Cuts pictures into overlapping tiles. Pure geometry; importing this imports nothing heavy."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from framehop.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Size = tuple[int, int]

MAX_PER_SIDE = 8  # 64 tiles and the whole picture: what one picture may cost stays bounded
MAX_OVERLAP = 0.5
_TEXT = re.compile(r"([1-8])x([1-8])((?:,[a-z]+=[a-z0-9.]+){0,2})")
_TRUTH = {"yes": True, "no": False}


class Tile(NamedTuple):
    """A rectangle of a picture, in its pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def size(self) -> Size:
        return self.width, self.height

    def view(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the tile's pixels, uint8 [height, width, 3]: a view with the picture's row stride, without a copy."""
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """A grid of tiles over any picture. `columns`, `rows`: 1–8. `overlap`: the share of its side, 0–0.5, that a tile has in
    common with the next. `whole`: look at the picture as a whole too, for what is larger than a tile."""

    columns: int
    rows: int
    overlap: float = 0.2
    whole: bool = True

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `3x2` or `3x2,overlap=0.3,whole=no`. Raises ConfigError."""
        found = _TEXT.fullmatch(text)
        if not found:
            raise _unusable(text)
        given = dict(part.split("=") for part in found[3].split(",")[1:])
        try:
            overlap, whole = float(given.pop("overlap", 0.2)), _TRUTH[given.pop("whole", "yes")]
        except (ValueError, KeyError) as error:
            raise _unusable(text) from error
        if given or not 0.0 <= overlap <= MAX_OVERLAP:
            raise _unusable(text)
        return cls(columns=int(found[1]), rows=int(found[2]), overlap=overlap, whole=whole)

    @property
    def runs(self) -> int:
        """The number of pictures that the network sees for one picture, at most; a tiny picture has fewer tiles."""
        tiles = self.columns * self.rows
        return tiles + (self.whole and tiles > 1)

    def decode_size(self, network: Size) -> Size:
        """Return the size in pixels that a picture needs for each tile to be as large as the network's input."""
        sides = zip(network, (self.columns, self.rows), strict=True)
        width, height = (math.ceil(side * _spread(count, self.overlap)) for side, count in sides)
        return width, height

    def cut(self, picture: Size) -> list[Tile]:
        """Return the tiles of a picture, in rows from the top, after the whole picture if that is wanted.

        Together they cover every pixel. Neighbours share at least `overlap` of their side, rounded down to pixels. No tile
        comes twice, so a picture with fewer pixels than there are columns or rows has fewer tiles.
        """
        width, lefts = _spans(picture[0], self.columns, self.overlap)
        height, tops = _spans(picture[1], self.rows, self.overlap)
        whole = [Tile(0, 0, *picture)] if self.whole else []
        return list(dict.fromkeys(whole + [Tile(x, y, width, height) for y in tops for x in lefts]))


def _unusable(text: str) -> ConfigError:
    return ConfigError(
        f"tiles must be columns x rows, each 1 to {MAX_PER_SIDE}, as 3x2, or with more as 3x2,overlap=0.2,whole=no"
        f" (overlap 0 to {MAX_OVERLAP}), not {text[:64]!r}"
    )


def _spread(count: int, overlap: float) -> float:
    """Return how many times a tile's side the picture's side is."""
    return count - (count - 1) * overlap


def _spans(length: int, count: int, overlap: float) -> tuple[int, list[int]]:
    """Return the length of a tile along one side of the picture, and where the tiles begin."""
    side = min(length, math.ceil(length / _spread(count, overlap)))
    steps = max(1, count - 1)
    return side, sorted({index * (length - side) // steps for index in range(count)})
