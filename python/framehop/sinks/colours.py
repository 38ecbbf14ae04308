"""A colour for every label: the same one in every picture of a film, and never that of another label in it."""

from __future__ import annotations

import colorsys
import zlib

Colour = tuple[int, int, int]

# Far apart from one another and from most scenes.
PALETTE: tuple[Colour, ...] = (
    (230, 25, 75),
    (60, 180, 75),
    (255, 225, 25),
    (0, 130, 200),
    (245, 130, 48),
    (145, 30, 180),
    (70, 240, 240),
    (240, 50, 230),
    (210, 245, 60),
    (250, 190, 212),
    (0, 128, 128),
    (170, 110, 40),
)
_GOLDEN = 0.618_034  # of the circle of hues: steps of it never come close to one another for long


def label_colour(label: str) -> Colour:
    """The colour that a label has in any film in which no other label had it first."""
    return PALETTE[_preferred(label)]


def _preferred(label: str) -> int:
    return zlib.crc32(label.encode()) % len(PALETTE)


class Colours:
    """Hands out colours, first come, first served. One per film: give it to everything that draws there."""

    def __init__(self) -> None:
        self._of: dict[str, Colour] = {}
        self._free = set(PALETTE)

    def of(self, label: str) -> Colour:
        """The label's own colour, or the next free one of the palette, or one beyond it."""
        if label not in self._of:
            first = _preferred(label)
            wished = [*PALETTE[first:], *PALETTE[:first]]
            colour = next((colour for colour in wished if colour in self._free), _beyond(len(self._of)))
            self._free.discard(colour)
            self._of[label] = colour
        return self._of[label]


def _beyond(index: int) -> Colour:
    """Between the palette's colours, in three brightnesses by turns."""
    red, green, blue = colorsys.hsv_to_rgb(index * _GOLDEN % 1.0, 0.85, (1.0, 0.75, 0.5)[index % 3])
    return round(red * 255), round(green * 255), round(blue * 255)
