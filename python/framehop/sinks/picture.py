"""Show one frame of the log as a picture."""

from __future__ import annotations

from framehop._core import decode_jpeg, read_jpeg_header
from framehop.errors import PictureError
from framehop.sinks.colours import Colours
from framehop.sinks.drawing import Size, draw_caption, draw_objects, grey_card
from framehop.sinks.pillow import Image
from framehop.types import Event, FrameRecord

MAX_SIZE: Size = (1920, 1080)
CARD_SIZE: Size = (640, 360)


def annotated_picture(
    record: FrameRecord | None, event: Event | None, *, size: Size | None = None, colours: Colours | None = None
) -> Image.Image:
    """Return the frame with its event's boxes, labels and confidences, or a grey card with the reason when it failed or cannot be
    shown.

    `size`: the picture's, which the frame fills as far as its shape allows; None for the frame's own, reduced when it is over
    1920x1080. `record` None: retention has removed the frame. `colours`: those of the film. Never raises for a bad picture.
    """
    problem = _problem(record, event)
    if problem or record is None or record.payload is None:
        return grey_card(size or CARD_SIZE, problem)
    try:
        image, scale = _decoded(record.payload, size or MAX_SIZE, enlarge=size is not None)
    except PictureError as error:
        return grey_card(size or CARD_SIZE, f"cannot be shown: {error}")
    if event is None:
        draw_caption(image, "no event yet")
    elif event.outcome == "skipped":
        draw_caption(image, f"skipped: {event.reason}")
    else:
        draw_objects(image, event.objects, scale, colours)
    return image if size is None else _centred(image, size)


def _problem(record: FrameRecord | None, event: Event | None) -> str:
    if event is not None and event.outcome == "failed":
        return f"failed: {event.reason}"
    if record is None:
        return "no longer in the log"
    if record.payload is None:
        return "lost data"
    if record.meta.content_type != "image/jpeg":
        kind = record.meta.content_type.partition(";")[0]
        video = "; ingested with --codec jpeg it can be" if kind.startswith("video/") else ""
        return f"cannot be shown: {kind}{video}"
    return ""


def _decoded(payload: memoryview, room: Size, *, enlarge: bool) -> tuple[Image.Image, tuple[float, float]]:
    """Return the picture fitted into `room`, and its scale (x, y)."""
    header = read_jpeg_header(payload)
    factor = min(room[0] / header.width, room[1] / header.height)
    factor = factor if enlarge else min(1.0, factor)
    width, height = max(1, round(header.width * factor)), max(1, round(header.height * factor))
    image = Image.fromarray(decode_jpeg(payload, min_width=width, min_height=height))
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return image, (width / header.width, height / header.height)


def _centred(image: Image.Image, size: Size) -> Image.Image:
    if image.size == size:
        return image
    canvas = Image.new("RGB", size)
    canvas.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return canvas
