"""Decides which frames are not looked at: the one place where a frame gets its reason to be skipped, before it is decoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from framehop.types import FrameKey

_BYTES = 6  # 48 bits are exact in a float


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipping:
    """The rules of a lane. `sample`: the share of the frames to look at, more than 0 and at most 1."""

    sample: float = 1.0

    def reason(self, key: FrameKey) -> str:
        """Return why this frame is skipped; empty if it is looked at."""
        return "" if place_in_sample(key) < self.sample else "sample"


def place_in_sample(key: FrameKey) -> float:
    """Return the frame's place, at least 0 and below 1: the first 48 bits of BLAKE2b over `<stream>/<epoch>/<seq>`.

    It depends on nothing else, so the sample is the same after a crash, on every host and in every lane, and a smaller sample is
    part of a larger one.
    """
    digest = hashlib.blake2b(str(key).encode(), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") / (1 << 8 * _BYTES)
