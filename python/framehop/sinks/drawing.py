"""Draw boxes, labels and captions on pictures, readable at small sizes too. Needs Pillow (the extra `video`)."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from framehop.sinks.colours import Colours
from framehop.sinks.pillow import Image, ImageDraw, ImageFont
from framehop.sinks.tags import Rect, place_tag
from framehop.types import DetectedObject, Event

Size = tuple[int, int]
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_BLACK, _WHITE, _GREY = (0, 0, 0), (255, 255, 255), (96, 96, 96)
_MAX_TAGS = 200  # only the strongest boxes; each looks for a place among all before it
_MAX_TEXT = 400  # a reason may quote hostile bytes
_MAX_LABEL = 100


def draw_event(
    image: Image.Image, event: Event | None, scale: tuple[float, float], colours: Colours | None = None
) -> None:
    """Draw what an event found onto `image`, or a caption that says why it found nothing. `scale`, `colours`: as for
    `draw_objects`."""
    if event is None:
        draw_caption(image, "no event yet")
    elif event.outcome == "detected":
        draw_objects(image, event.objects, scale, colours)
    else:
        draw_caption(image, f"{event.outcome}: {event.reason}")


def draw_objects(
    image: Image.Image, objects: Sequence[DetectedObject], scale: tuple[float, float], colours: Colours | None = None
) -> None:
    """Draw boxes given in source pixels onto `image`, which shows the source scaled by (x, y). The strongest box lies on top, and
    its label is placed first. `colours`: those of the film that the picture belongs to."""
    colours = colours or Colours()
    placed = _placed(objects, scale, image.size)
    for found, _ in placed:  # the strongest first, so that it keeps its own colour
        colours.of(found.label)
    draw = ImageDraw.Draw(image)
    line = max(3, image.height // 240)
    for found, (x1, y1, x2, y2) in reversed(placed):
        draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=_BLACK, width=line + 2)
        draw.rectangle((x1, y1, x2, y2), outline=colours.of(found.label), width=line)
    _draw_tags(draw, placed, image.size, colours)


def _placed(
    objects: Sequence[DetectedObject], scale: tuple[float, float], size: Size
) -> list[tuple[DetectedObject, Rect]]:
    """Return the objects with their boxes on the picture, the strongest first. A box without a place, such as one with NaN, is left
    out."""
    found = []
    for item in sorted(objects, key=lambda item: -item.confidence):
        x1, y1, x2, y2 = (_within(at * scale[axis % 2], size[axis % 2]) for axis, at in enumerate(item.box))
        if x1 <= x2 and y1 <= y2:
            found.append((item, (x1, y1, x2, y2)))
    return found


def _draw_tags(
    draw: ImageDraw.ImageDraw, placed: Sequence[tuple[DetectedObject, Rect]], size: Size, colours: Colours
) -> None:
    font = _font(_text_height(size[1]))
    taken: list[Rect] = []
    for found, box in placed[:_MAX_TAGS]:
        text = _tag_text(found)
        left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
        spot = place_tag(box, (right - left + 6, bottom - top + 6), taken, size)
        taken.append(spot)
        fill = colours.of(found.label)
        draw.rectangle(spot, fill=fill, outline=_BLACK)
        bright = fill[0] * 299 + fill[1] * 587 + fill[2] * 114 > 128_000
        draw.text((spot[0] + 3 - left, spot[1] + 3 - top), text, fill=_BLACK if bright else _WHITE, font=font)


def _tag_text(found: DetectedObject) -> str:
    return replace(found, label=found.label[:_MAX_LABEL]).shown


def _within(at: float, side: int) -> float:
    """Clip a coordinate to just outside the picture, since Pillow walks along every pixel of a line, seen or not. NaN stays NaN."""
    return at if math.isnan(at) else min(max(at, -8.0), side + 8.0)


def draw_caption(image: Image.Image, text: str) -> None:
    """Draw one line on a dark field in the lower left corner."""
    draw = ImageDraw.Draw(image)
    size = _text_height(image.height)
    font, at = _font(size), (size // 2, image.height - size // 2)
    left, top, right, bottom = draw.textbbox(at, text[:_MAX_TEXT], font=font, anchor="ls")
    draw.rectangle((left - size, top - 3, right + 4, max(bottom + 3, image.height)), fill=_BLACK)
    draw.text(at, text[:_MAX_TEXT], fill=_WHITE, font=font, anchor="ls")


def grey_card(size: Size, text: str) -> Image.Image:
    """Return a card for a picture that cannot be shown, with the reason."""
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
