"""Show one frame of the log as a picture."""

from __future__ import annotations

from framehop.content import JPEG, VIDEO, kind_of
from framehop.errors import PictureError
from framehop.sinks.colours import Colours
from framehop.sinks.drawing import Size, draw_event, grey_card
from framehop.sinks.film import Film
from framehop.sinks.film_decoder import JpegStill, Still
from framehop.sinks.pictures import GONE
from framehop.sinks.pillow import Image
from framehop.types import Event, FrameRecord

MAX_SIZE: Size = (1920, 1080)
CARD_SIZE: Size = (640, 360)


def annotated_picture(
    record: FrameRecord | None,
    event: Event | None,
    *,
    size: Size | None = None,
    colours: Colours | None = None,
    film: Film | None = None,
) -> Image.Image:
    """Return the frame with its event's boxes, labels and confidences, or a grey card with the reason when it failed or cannot be
    shown.

    `size`: the picture's, which the frame fills as far as its shape allows; None for the frame's own, reduced when it is over
    1920x1080. `record` None: retention has removed the frame. `colours`: those of the film that is made. `film`:
    that of the frame, if its picture needs others. Never raises for a bad picture.
    """
    problem = _problem(record, event, film)
    if problem or record is None or record.payload is None:
        return grey_card(size or CARD_SIZE, problem)
    try:
        still = JpegStill(record.payload) if _is_jpeg(record) or film is None else film.still(record.meta.key)
        image, scale = _fitted(still, size or MAX_SIZE, enlarge=size is not None)
    except PictureError as error:
        return grey_card(size or CARD_SIZE, f"cannot be shown: {error}")
    draw_event(image, event, scale, colours)
    return image if size is None else _centred(image, size)


def _is_jpeg(record: FrameRecord) -> bool:
    return kind_of(record.meta.content_type) == JPEG


def _problem(record: FrameRecord | None, event: Event | None, film: Film | None) -> str:
    if event is not None and event.outcome == "failed":
        return f"failed: {event.reason}"
    if record is None:
        return GONE
    if record.payload is None:
        return "lost data"
    kind = kind_of(record.meta.content_type)
    if _is_jpeg(record) or (kind in VIDEO and film is not None):
        return ""
    return f"cannot be shown: {kind}" + ("; this build of framehop decodes no video" if kind in VIDEO else "")


def _fitted(still: Still, room: Size, *, enlarge: bool) -> tuple[Image.Image, tuple[float, float]]:
    """Return the picture fitted into `room`, and its scale (x, y)."""
    factor = min(room[0] / still.size[0], room[1] / still.size[1])
    factor = factor if enlarge else min(1.0, factor)
    width, height = max(1, round(still.size[0] * factor)), max(1, round(still.size[1] * factor))
    image = Image.fromarray(still.pixels(width, height))
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return image, (width / still.size[0], height / still.size[1])


def _centred(image: Image.Image, size: Size) -> Image.Image:
    if image.size == size:
        return image
    canvas = Image.new("RGB", size)
    canvas.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return canvas
