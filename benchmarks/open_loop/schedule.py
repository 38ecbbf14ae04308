"""The schedule: when each camera's pictures are due, whatever becomes of them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The load of one run: `cameras` of `fps` pictures per second each, for `seconds`. `seed`: of the cameras' phases. `films`: how
    many pictures each film has; without them every camera cuts from one picture to the next. `lead`: pictures of each camera that
    are worked off beforehand. `run_in`: of those that follow in time, how many come before the first that counts. `fast`: pictures
    per second of one more camera; 0 for none."""

    cameras: int
    fps: float
    seconds: float
    seed: int
    films: tuple[int, ...] = ()
    lead: int = 1
    run_in: int = 0
    fast: float = 0.0

    @property
    def paces(self) -> list[float]:
        """The pictures per second of each camera."""
        return [self.fps] * self.cameras + [self.fast] * (self.fast > 0)

    @property
    def frames(self) -> int:
        """The number of pictures that count."""
        return sum(round(pace * self.seconds) for pace in self.paces)

    @property
    def before(self) -> int:
        """The number of pictures of each camera before the first that counts."""
        return self.lead + self.run_in

    def place(self, camera: int, seq: int, pictures: int) -> int:
        """Return which of all `pictures` a camera shows. `seq`: counts from the first of its lead. Films lie one after another."""
        if not self.films:
            return (camera + seq) % pictures
        film = camera % len(self.films)
        return sum(self.films[:film]) + _there_and_back(self.films[film], seq + _start(camera, self.films[film]))


def _start(camera: int, length: int) -> int:
    """Return where in its film a camera starts. The golden ratio keeps any number of them apart."""
    return int(2 * length * (camera * 0.6180339887 % 1))


def _there_and_back(length: int, seq: int) -> int:
    """Return the picture of a film that turns round at its ends, so that nothing ever jumps."""
    place = seq % max(1, 2 * length - 2)
    return place if place < length else 2 * length - 2 - place


class Due(NamedTuple):
    """One picture: when it is due, in seconds from the start, of which camera it is, and its number there, the lead included."""

    at_s: float
    camera: int
    seq: int


def schedule(offer: Offer) -> tuple[list[Due], list[Due]]:
    """Return the pictures of the run-in, and those that count, in the order in which they are due. Each camera has its own phase:
    real ones are not in step."""
    chance, begin_s = random.Random(offer.seed), offer.run_in / offer.fps
    dues = sorted(
        Due(phase + seq / pace, camera, offer.lead + seq)
        for camera, (pace, phase) in enumerate([(pace, chance.random() / pace) for pace in offer.paces])
        for seq in range(round(pace * begin_s) + round(pace * offer.seconds))
    )
    first = sum(round(pace * begin_s) for pace in offer.paces)
    return dues[:first], dues[first:]


def paced(dues: Sequence[Due], start_s: float) -> Iterator[Due]:
    """Yield each picture when it is due by the monotonic clock, and those that are late at once."""
    for due in dues:
        time.sleep(max(0.0, start_s + due.at_s - time.monotonic()))
        yield due
