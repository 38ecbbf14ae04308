"""Give every label a colour: one that stays the same throughout a film and belongs to no other label in it."""

from __future__ import annotations

import colorsys
import zlib

Colour = tuple[int, int, int]

# These colours differ clearly from one another and from most scenes.
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
_GOLDEN = 0.618_034  # part of the circle of hues; steps of this size stay far apart longest


def label_colour(label: str) -> Colour:
    """Return the label's preferred colour, which it has unless another label took it first."""
    return PALETTE[_preferred(label)]


def _preferred(label: str) -> int:
    return zlib.crc32(label.encode()) % len(PALETTE)


class Colours:
    """Gives out colours, first come, first served. Use one object per film for everything that draws in it."""

    def __init__(self) -> None:
        self._of: dict[str, Colour] = {}
        self._free = set(PALETTE)

    def of(self, label: str) -> Colour:
        """Return the label's own colour, else the next free one of the palette, else one outside it."""
        if label not in self._of:
            first = _preferred(label)
            wished = [*PALETTE[first:], *PALETTE[:first]]
            colour = next((colour for colour in wished if colour in self._free), _beyond(len(self._of)))
            self._free.discard(colour)
            self._of[label] = colour
        return self._of[label]


def _beyond(index: int) -> Colour:
    """Return a colour outside the palette, in one of three brightnesses in turn."""
    red, green, blue = colorsys.hsv_to_rgb(index * _GOLDEN % 1.0, 0.85, (1.0, 0.75, 0.5)[index % 3])
    return round(red * 255), round(green * 255), round(blue * 255)
