"""Pairs the objects of a frame with the tracks that they go on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framehop.tracking.assignment import best_pairs
from framehop.tracking.look_clock import STEP_US
from framehop.tracking.overlaps import Floats, grown, overlaps
from framehop.tracking.track import STRONG, Track
from framehop.types import DetectedObject

STRONG_OVERLAP, WEAK_OVERLAP, GROWN_OVERLAP = 0.2, 0.5, 0.2
GROWTH = 0.5  # of width and height, to each side


class Matching:
    """Pairs the objects of a frame with tracks."""

    def __init__(self, at_us: int, tracks: Sequence[Track], objects: Sequence[DetectedObject]) -> None:
        """Neither may be empty."""
        self._tracks = tracks
        self._expected = np.array([track.expected(at_us) for track in tracks], np.float64)
        self._boxes = np.array([found.box for found in objects], np.float64)
        labels = {label: number for number, label in enumerate({track.label for track in tracks})}
        wanted = np.array([labels[track.label] for track in tracks])
        self._fits = wanted[:, None] == np.array([labels.get(found.label, -1) for found in objects])
        self._strong = np.array([found.confidence >= STRONG for found in objects])
        self._recent = np.array([track.last_us >= at_us - STEP_US for track in tracks])
        self._ids: dict[int, int] = {}

    def ids(self) -> dict[int, int]:
        plain = overlaps(self._expected, self._boxes)
        self._pair(plain, STRONG_OVERLAP, self._strong)
        if not self._strong.all():
            self._pair(plain, WEAK_OVERLAP, ~self._strong & self._recent[:, None])
        if (self._fits & self._strong).any():
            larger = overlaps(grown(self._expected, GROWTH), grown(self._boxes, GROWTH))
            self._pair(larger, GROWN_OVERLAP, self._strong & self._recent[:, None])
        return self._ids

    def _pair(self, shares: Floats, least: float, allowed: NDArray[np.bool_]) -> None:
        """Pair what fits, is allowed and overlaps by `least`; who has found a partner takes part no more."""
        for row, column in best_pairs(np.where(self._fits & allowed & (shares >= least), shares, 0.0)):
            self._ids[column] = self._tracks[row].number
            self._fits[row, :] = False
            self._fits[:, column] = False
