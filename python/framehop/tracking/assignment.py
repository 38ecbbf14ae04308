"""Pairs rows with columns so that the sum of what the pairs gain is the greatest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def best_pairs(gains: Floats) -> list[tuple[int, int]]:
    """Return pairs (row, column) with the greatest sum of gains, each row and each column at most once. `gains`: float64 [N, M], 0
    or more; 0 means that the two do not belong together, and such a pair is never returned. The same gains give the same pairs."""
    fits = gains > 0
    if not fits.any():
        return []
    alone = fits & (fits.sum(axis=1) == 1)[:, None] & (fits.sum(axis=0) == 1)
    pairs = [(int(row), int(column)) for row, column in np.argwhere(alone)]
    # Whoever fits nobody else is not in anybody's way: mostly there is nothing left to be solved.
    open_ = fits & ~alone
    if not open_.any():
        return pairs
    rows, columns = np.flatnonzero(open_.any(axis=1)), np.flatnonzero(open_.any(axis=0))
    solved = _cheapest(gains[np.ix_(rows, columns)].max(initial=0.0) - gains[np.ix_(rows, columns)])
    found = [(int(rows[row]), int(columns[column])) for row, column in solved]
    return sorted(pairs + [pair for pair in found if fits[pair]])


def _cheapest(costs: Floats) -> list[tuple[int, int]]:
    """Return min(N, M) pairs (row, column) with the smallest sum of costs. `costs`: float64 [N, M], 0 or more."""
    if costs.shape[0] > costs.shape[1]:
        return [(row, column) for column, row in _cheapest(costs.T)]
    solver = _Solver(costs)
    for row in solver.contested():
        solver.add(row)
    return [(int(row) - 1, column) for column, row in enumerate(solver.row_of[1:]) if row]


class _Solver:
    """The Hungarian method: rows are added one by one, each by the shortest augmenting path, with the rows and columns' prices as
    potentials (Jonker and Volgenant, 1987). Place 0 of every array stands for the row that is being added."""

    def __init__(self, costs: Floats) -> None:
        rows, columns = costs.shape
        self._costs = costs
        self._row_price, self._column_price = np.zeros(rows + 1), np.zeros(columns + 1)
        self.row_of = np.zeros(columns + 1, np.intp)  # the row of each column; 0 for none

    def contested(self) -> list[int]:
        """Give each row its cheapest column, the first of several that is free; return the rows, counted from 1, for which none is.
        The prices are the rows' smallest costs then, so every pair is as cheap as it can be."""
        left = []
        self._row_price[1:] = self._costs.min(axis=1)
        for row, cheapest in enumerate(self._costs == self._row_price[1:, None], 1):
            free = np.flatnonzero(cheapest & (self.row_of[1:] == 0))
            if len(free):
                self.row_of[free[0] + 1] = row
            else:
                left.append(row)
        return left

    def add(self, row: int) -> None:
        """Give `row`, counted from 1, a column."""
        self.row_of[0] = row
        came_from, column = self._path()
        while column:
            before = came_from[column]
            self.row_of[column] = self.row_of[before]
            column = int(before)

    def _path(self) -> tuple[NDArray[np.intp], int]:
        """Return by column the one before it on the shortest path to it, and the first free column; move the prices along."""
        size = len(self.row_of)
        reached, came_from = np.full(size, np.inf), np.zeros(size, np.intp)
        used, column = np.zeros(size, np.bool_), 0
        while not column or self.row_of[column]:
            used[column] = True
            self._reach(column, used, reached, came_from)
            ahead = np.where(used, np.inf, reached)
            column = int(ahead[1:].argmin()) + 1
            self._row_price[self.row_of[used]] += ahead[column]
            self._column_price[used] -= ahead[column]
            reached[~used] -= ahead[column]
        return came_from, column

    def _reach(self, column: int, used: NDArray[np.bool_], reached: Floats, came_from: NDArray[np.intp]) -> None:
        """Note the columns that come nearer by the row of `column`."""
        row = self.row_of[column]
        cost = self._costs[row - 1] - self._row_price[row] - self._column_price[1:]
        nearer = np.flatnonzero(~used[1:] & (cost < reached[1:]))
        reached[nearer + 1] = cost[nearer]
        came_from[nearer + 1] = column
