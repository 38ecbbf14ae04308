"""Place labels on a picture so that none covers another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Rect = tuple[float, float, float, float]
Size = tuple[float, float]


def place_tag(box: Rect, tag: Size, taken: Sequence[Rect], room: Size) -> Rect:
    """Return where the tag goes, within `room` (width, height) and at its box. It tries the upper edge, the inside, the lower edge,
    then line by line through the box, and takes the first spot that is free of `taken`, else the one that covers least of it."""
    spots = [_within(spot, tag, room) for spot in _spots(box, tag)]
    return min(spots, key=lambda spot: sum(_shared(spot, other) for other in taken))  # min takes the first of equals


def _spots(box: Rect, tag: Size) -> Iterator[tuple[float, float]]:
    left, top, right, bottom = box
    width, height = tag
    at_right = max(left, right - width)
    for x in (left, at_right):
        yield x, top - height
    for x in (left, at_right):
        yield x, top
    for x in (left, at_right):
        yield x, bottom
    for x in (left, at_right):
        yield x, bottom - height
    for line in range(1, min(40, int((bottom - top) / height))):
        yield left, top + line * height


def _within(spot: tuple[float, float], tag: Size, room: Size) -> Rect:
    x = max(0.0, min(spot[0], room[0] - tag[0]))
    y = max(0.0, min(spot[1], room[1] - tag[1]))
    return x, y, x + tag[0], y + tag[1]


def _shared(one: Rect, other: Rect) -> float:
    """Return the area that two rectangles share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)
