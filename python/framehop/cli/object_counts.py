"""Says by stream in how many frames an object was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce

from framehop.pipeline.object_counts import OTHERS, ObjectCount

_NAMED = 8  # a screen has room for these beside the rest


def object_count_lines(by_stream: Mapping[str, ObjectCount]) -> Iterator[str]:
    """Yield a line for each stream by name, and one for all that a screen has no room for."""
    names = sorted(by_stream.keys() - {OTHERS})[:_NAMED]
    for name in names:
        yield f"{name}: {_text(by_stream[name])}"
    if rest := [found for name, found in by_stream.items() if name not in names]:
        yield f"further streams: {_text(reduce(ObjectCount.plus, rest))}"


def _text(found: ObjectCount) -> str:
    return f"{found.frames} frames, {found.with_object or 'none'} with an object"
