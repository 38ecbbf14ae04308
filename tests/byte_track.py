"""ByteTrack as its paper has it (Zhang et al., ECCV 2022), with a Kalman filter and SciPy's assignment: what our own tracker is
compared with. It remembers everything, so it could not go on after a crash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from framehop.types import DetectedObject, Event
from tests.mot import Box, overlap

Floats = NDArray[np.float64]

STRONG, WEAK = 0.5, 0.1
FIRST, SECOND, THIRD = (
    0.2,
    0.5,
    0.3,
)  # least overlaps: of strong boxes, of weak ones, of strong ones with tracks of one frame
PLACE, SPEED = 1 / 20, 1 / 160  # deviations, as shares of the height
NEXT = np.eye(8) + np.eye(8, k=4)  # centre, aspect and height, and how they change from frame to frame
SEEN = np.eye(4, 8)


def _deviations(height: float, place: float, speed: float, aspect: tuple[float, float]) -> Floats:
    a, b = place * height, speed * height
    return np.array([a, a, aspect[0], a, b, b, aspect[1], b])


def _measured(box: Box) -> Floats:
    width, height = box[2] - box[0], box[3] - box[1]
    return np.array([box[0] + width / 2, box[1] + height / 2, width / height, height])


@dataclass(slots=True, kw_only=True)
class _Track:
    """`mean`, `spread`: of its place and speed. `since`: frames since it was seen. `sure`: it was seen twice, or in the first
    frame."""

    number: int
    label: str
    mean: Floats
    spread: Floats = field(default_factory=lambda: np.zeros((8, 8)))
    since: int = 0
    sure: bool = False

    @property
    def box(self) -> Box:
        x, y, aspect, height = self.mean[:4]
        return x - aspect * height / 2, y - height / 2, x + aspect * height / 2, y + height / 2

    def predict(self) -> None:
        if self.since:
            self.mean[7] = 0.0  # of what is lost the height is not carried on
        noise = np.diag(_deviations(self.mean[3], PLACE, SPEED, (1e-2, 1e-5)) ** 2)
        self.mean = NEXT @ self.mean
        self.spread = NEXT @ self.spread @ NEXT.T + noise
        self.since += 1

    def correct(self, box: Box) -> None:
        noise = np.diag(_deviations(self.mean[3], PLACE, 0.0, (1e-1, 0.0))[:4] ** 2)
        seen = SEEN @ self.spread @ SEEN.T + noise
        gain = self.spread @ SEEN.T @ np.linalg.inv(seen)
        self.mean = self.mean + gain @ (_measured(box) - SEEN @ self.mean)
        self.spread = self.spread - gain @ seen @ gain.T
        self.since, self.sure = 0, True


def _begun(number: int, found: DetectedObject, *, sure: bool) -> _Track:
    mean = np.concatenate([_measured(found.box), np.zeros(4)])
    spread = np.diag(_deviations(mean[3], 2 * PLACE, 10 * SPEED, (1e-2, 1e-5)) ** 2)
    return _Track(number=number, label=found.label, mean=mean, spread=spread, sure=sure)


def byte_track(events: Sequence[Event], lost: int) -> list[dict[int, Box]]:
    """Return the boxes of each frame by their tracks. `lost`: for so many frames a track may be unseen."""
    tracks: list[_Track] = []
    count, followed = 0, []
    for place, event in enumerate(events):
        strong = [found for found in event.objects if found.confidence >= STRONG]
        weak = [found for found in event.objects if WEAK < found.confidence < STRONG]
        for track in tracks:
            track.predict()
        left, shown = _paired([track for track in tracks if track.sure], strong, FIRST)
        seen_before = [track for track in tracks if track.sure and track.since == 1]
        _, more = _paired(seen_before, weak, SECOND)
        left, new = _paired([track for track in tracks if not track.sure], left, THIRD)
        tracks = [track for track in tracks if track.since <= lost and (track.sure or not track.since)]
        for found in left:
            count += 1
            tracks.append(_begun(count, found, sure=place == 0))
        first = {track.number: found.box for track, found in zip(tracks, left, strict=True)} if place == 0 else {}
        followed.append(shown | more | new | first)
    return followed


def _paired(
    tracks: Sequence[_Track], found: Sequence[DetectedObject], least: float
) -> tuple[list[DetectedObject], dict[int, Box]]:
    """Pair boxes with tracks of the same label. Returns the boxes that are left, and the others by their tracks."""
    shares = np.array(
        [[overlap(track.box, one.box) * (track.label == one.label) for one in found] for track in tracks]
    ).reshape(len(tracks), len(found))
    pairs = zip(*linear_sum_assignment(np.where(shares >= least, -shares, 0.0)), strict=True)
    taken = {column: tracks[row] for row, column in pairs if shares[row, column] >= least}
    for column, track in taken.items():
        track.correct(found[column].box)
    left = [one for column, one in enumerate(found) if column not in taken]
    return left, {track.number: found[column].box for column, track in taken.items()}
