"""The schedule: when each camera's pictures are due, whatever becomes of them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The load of one run: `cameras` of `fps` pictures per second each, for `seconds`. `seed`: of the cameras' phases."""

    cameras: int
    fps: float
    seconds: float
    seed: int

    @property
    def frames(self) -> int:
        return self.cameras * round(self.fps * self.seconds)


class Due(NamedTuple):
    """One picture: when it is due, in seconds from the start, of which camera it is, and its number there."""

    at_s: float
    camera: int
    seq: int


def schedule(offer: Offer) -> list[Due]:
    """Return all pictures in the order in which they are due. Each camera has a phase of its own, as real ones are not in step."""
    chance = random.Random(offer.seed)
    phases = [chance.random() / offer.fps for _ in range(offer.cameras)]
    return sorted(
        Due(phase + seq / offer.fps, camera, seq)
        for camera, phase in enumerate(phases)
        for seq in range(round(offer.fps * offer.seconds))
    )


def paced(dues: Sequence[Due], start_s: float) -> Iterator[Due]:
    """Yield each picture when it is due by the monotonic clock, and those that are late at once."""
    for due in dues:
        time.sleep(max(0.0, start_s + due.at_s - time.monotonic()))
        yield due
