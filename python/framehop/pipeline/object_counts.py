"""Counts by stream in how many frames an object was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

MAX_STREAMS = 64  # by name; a beat with as many of the longest names is a tenth of a packet
OTHERS = ""  # no stream has this name


class ObjectCount(msgspec.Struct, frozen=True):
    """The frames of a stream. `frames`: those with an event. `with_object`: those of them with at least one object."""

    frames: int = 0
    with_object: int = 0

    def plus(self, other: ObjectCount) -> ObjectCount:
        """Return both counts together."""
        return ObjectCount(self.frames + other.frames, self.with_object + other.with_object)


ByStream = dict[str, ObjectCount]

_NONE = ObjectCount()


def add(counts: ByStream, stream: str, found: ObjectCount) -> None:
    """Add to a stream's count. Beyond MAX_STREAMS names, further streams are counted together under OTHERS."""
    place = stream if stream in counts or len(counts) < MAX_STREAMS else OTHERS
    counts[place] = counts.get(place, _NONE).plus(found)


def summed(parts: Iterable[Mapping[str, ObjectCount]]) -> ByStream:
    """Return the counts of several processes as one."""
    counts: ByStream = {}
    for part in parts:
        for stream, found in part.items():
            add(counts, stream, found)
    return counts
