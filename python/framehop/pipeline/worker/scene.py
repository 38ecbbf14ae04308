"""Finds out whether something moves in the pictures of a fixed camera, without a threshold that anybody has to set.

Each cell of a coarse grid has a background and an estimate of its noise, both learnt from the pictures themselves. A cell has
changed when it differs by several times its noise, and something moves where neighbouring cells have changed together.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.float32]
Flags = NDArray[np.bool_]

LEARN = 8  # pictures from which background and noise are estimated first; all of them count as motion
SETTLE_S = 20.0  # what moves for so long without a pause is learnt as the new background
_FOLLOW_S = 10.0  # the background follows slow changes, as of daylight, with this time constant
_TIMES_NOISE = 6.0  # of the mean deviation: 4.8 standard deviations of Gaussian noise
_LEAST = 2.5  # grey levels of 255; less than that is rounding and compression
_TOGETHER = 3  # changed cells among a cell and its eight neighbours
_GLOBAL = 0.5  # share of the cells: a change of so many is one of light, and begins a new background


class Scene:
    """The memory of one camera's view. Its memory is four floats per cell. Used by one thread."""

    def __init__(self, watched: Flags) -> None:
        """`watched`: bool [rows, columns], the cells in which motion counts."""
        self._watched = watched
        self._background: Cells = np.zeros(watched.shape, np.float32)
        self._noise: Cells = np.zeros(watched.shape, np.float32)
        self._learnt = 0
        self._at_us = 0
        self._moving_since_us: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns)."""
        return self._watched.shape

    def moves(self, luma: Cells, at_us: int) -> bool:
        """Return whether something has moved, or may have. `luma`: float32 [rows, columns], 0–255. `at_us`: the picture's time; one
        before the last counts as no time."""
        passed_s, self._at_us = max(0.0, (at_us - self._at_us) / 1e6), at_us
        if self._learnt < LEARN:
            self._learn(luma)
            return True
        deviation = np.abs(luma - self._background)
        changed = (deviation > _TIMES_NOISE * self._noise + _LEAST) & self._watched
        if changed.sum() > _GLOBAL * self._watched.sum() > 0:
            self._forget(luma)
            return True
        moving = changed & (_neighbours(changed) >= _TOGETHER)
        self._follow(luma, deviation, ~_widened(moving), passed_s)
        return self._judge(bool(moving.any()), at_us, luma)

    def _judge(self, moving: bool, at_us: int, luma: Cells) -> bool:
        if not moving:
            self._moving_since_us = None
            return False
        if self._moving_since_us is None or at_us < self._moving_since_us:
            self._moving_since_us = at_us
        if at_us - self._moving_since_us > SETTLE_S * 1e6:
            self._forget(luma)
        return True

    def _learn(self, luma: Cells) -> None:
        """Take a picture into the first estimate, in which all pictures count alike."""
        if self._learnt == 0:
            self._background = luma.astype(np.float32)
            self._noise = np.zeros_like(self._background)
        else:
            share = np.float32(1 / (self._learnt + 1))
            self._noise += (np.abs(luma - self._background) - self._noise) * np.float32(1 / self._learnt)
            self._background += (luma - self._background) * share
        self._learnt += 1

    def _forget(self, luma: Cells) -> None:
        """Begin with a new background."""
        self._learnt, self._moving_since_us = 0, None
        self._learn(luma)

    def _follow(self, luma: Cells, deviation: Cells, still: Flags, passed_s: float) -> None:
        share = np.float32(1 - math.exp(-passed_s / _FOLLOW_S))
        self._background += np.where(still, (luma - self._background) * share, 0)
        self._noise += np.where(still, (deviation - self._noise) * share, 0)


def _neighbours(flags: Flags) -> NDArray[np.uint8]:
    """Return uint8 [rows, columns]: how many of a cell and its eight neighbours are set."""
    counts = np.pad(flags.astype(np.uint8), 1)
    across = counts[:, :-2] + counts[:, 1:-1] + counts[:, 2:]
    total: NDArray[np.uint8] = across[:-2] + across[1:-1] + across[2:]
    return total


def _widened(flags: Flags) -> Flags:
    """Return bool [rows, columns]: whether a cell or a neighbour of it is set."""
    widened: Flags = _neighbours(flags) > 0
    return widened


def luma_of(pixels: NDArray[np.uint8], cells: tuple[int, int]) -> Cells:
    """Return float32 [rows, columns] from RGB, uint8 [H, W, 3]: the mean brightness of each cell, from two of its pixels each way.
    `cells`: (columns, rows), at most the picture's own size. Rows and columns that do not fill a cell are left out."""
    columns, rows = cells
    across = _places(columns, pixels.shape[1])
    parts = [pixels[down][:, places] for down in _places(rows, pixels.shape[0]) for places in across]
    total = parts[0].astype(np.float32)
    for part in parts[1:]:
        total += part
    mean: Cells = total @ (_WEIGHTS / np.float32(len(parts)))
    return mean


def _places(cells: int, pixels: int) -> list[NDArray[np.intp]]:
    """Return intp [cells] for a place at the beginning of each cell, and for one in its middle if it has more than one pixel."""
    side = pixels // cells
    begins = np.arange(cells) * side
    return [begins] if side == 1 else [begins, begins + side // 2]


_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)
