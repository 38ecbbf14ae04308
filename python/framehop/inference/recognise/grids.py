"""Tells from the number of boxes which grids of cells they come from: a network has a cell for every so many pixels."""

from __future__ import annotations

from dataclasses import dataclass

STRIDES: tuple[tuple[int, ...], ...] = (
    (8, 16, 32),
    (8, 16, 32, 64),
    (4, 8, 16, 32),
    (16, 32),
    (8, 16),
    (8,),
    (16,),
    (32,),
)
ANCHORS = (1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The grids of a network. `strides`: pixels per cell. `per_cell`: boxes per cell."""

    strides: tuple[int, ...]
    per_cell: int

    def __str__(self) -> str:
        return f"{self.per_cell} × the cells of strides {', '.join(map(str, self.strides))}"


def grid_of(size: tuple[int, int], anchors: int) -> Grid | None:
    """Return the grids that have `anchors` boxes on a canvas of `size` (width, height); None if no usual ones do."""
    for per_cell in ANCHORS:
        for strides in STRIDES:
            if anchors == per_cell * cells(size, strides):
                return Grid(strides=strides, per_cell=per_cell)
    return None


def cells(size: tuple[int, int], strides: tuple[int, ...]) -> int:
    """Return the cells of all strides together, on a canvas of `size` (width, height)."""
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)
