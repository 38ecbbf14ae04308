"""Boxes, labels and captions on pictures, readable at small sizes too. Needs Pillow (the extra `video`)."""

from __future__ import annotations

import math
import textwrap
import zlib
from collections.abc import Sequence
from functools import lru_cache

from framehop.sinks.pillow import Image, ImageDraw, ImageFont
from framehop.types import DetectedObject

Colour = tuple[int, int, int]
Size = tuple[int, int]
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Far apart from one another and from most scenes; a label keeps its colour in every picture and every run.
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
_BLACK, _WHITE, _GREY = (0, 0, 0), (255, 255, 255), (96, 96, 96)
_MAX_TEXT = 400  # a reason may quote hostile bytes


def label_colour(label: str) -> Colour:
    return PALETTE[zlib.crc32(label.encode()) % len(PALETTE)]


def draw_objects(image: Image.Image, objects: Sequence[DetectedObject], scale: tuple[float, float]) -> None:
    """Draw boxes given in source pixels onto `image`, which shows the source scaled by (x, y). Strongest last, so on top."""
    draw = ImageDraw.Draw(image)
    font = _font(_text_height(image.height))
    line = max(3, image.height // 240)
    for found in sorted(objects, key=lambda found: found.confidence):
        x1, y1, x2, y2 = (_within(at * scale[axis % 2], image.size[axis % 2]) for axis, at in enumerate(found.box))
        if not (x1 <= x2 and y1 <= y2):
            continue
        colour = label_colour(found.label)
        draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=_BLACK, width=line + 2)
        draw.rectangle((x1, y1, x2, y2), outline=colour, width=line)
        _tag(draw, (x1, y1), f"{found.label} {found.confidence:.2f}", fill=colour, font=font, room=image.width)


def _within(at: float, side: int) -> float:
    """Just outside at most: Pillow walks along every pixel of a line, seen or not. NaN stays NaN."""
    return at if math.isnan(at) else min(max(at, -8.0), side + 8.0)


def _tag(
    draw: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, *, fill: Colour, font: _Font, room: int
) -> None:
    """A filled field with text, standing on the box's upper edge, or inside it where the picture ends."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = right - left + 6, bottom - top + 6
    x = max(0.0, min(corner[0], room - width))
    y = corner[1] - height if corner[1] >= height else max(0.0, corner[1])
    draw.rectangle((x, y, x + width, y + height), fill=fill, outline=_BLACK)
    bright = fill[0] * 299 + fill[1] * 587 + fill[2] * 114 > 128_000
    draw.text((x + 3 - left, y + 3 - top), text, fill=_BLACK if bright else _WHITE, font=font)


def draw_caption(image: Image.Image, text: str) -> None:
    """One line in the lower left corner, white with a dark edge."""
    draw = ImageDraw.Draw(image)
    size = _text_height(image.height)
    at = (size // 2, image.height - size // 2)
    draw.text(at, text[:_MAX_TEXT], fill=_WHITE, font=_font(size), anchor="ls", stroke_width=2, stroke_fill=_BLACK)


def grey_card(size: Size, text: str) -> Image.Image:
    """Stands for a picture that cannot be shown, and says why."""
    image = Image.new("RGB", size, _GREY)
    height = _text_height(size[1])
    lines = textwrap.fill(text[:_MAX_TEXT], max(8, int(size[0] * 1.6 / height)))
    draw = ImageDraw.Draw(image)
    draw.multiline_text((size[0] / 2, size[1] / 2), lines, fill=_WHITE, font=_font(height), anchor="mm", align="center")
    return image


def _text_height(picture_height: int) -> int:
    return max(11, picture_height // 26)


@lru_cache(maxsize=16)
def _font(height: int) -> _Font:
    return ImageFont.load_default(height)
