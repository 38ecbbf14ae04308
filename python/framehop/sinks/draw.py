"""Draw an event's boxes on its picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framehop.errors import InvalidArgumentError
from framehop.sinks.drawing import draw_event, grey_card
from framehop.sinks.picture import CARD_SIZE
from framehop.sinks.pillow import Image
from framehop.types import Event


def draw(picture: NDArray[np.uint8] | None, event: Event) -> NDArray[np.uint8]:
    """Return a new picture with the event's boxes, labels, track ids and confidences, as `framehop annotate` draws them; of a frame
    that was skipped or has failed, with the reason.

    `picture`: uint8 [H, W, 3], RGB, of the event's frame, at any scale; it is not changed. None gives a grey card of 640 x 360
    pixels that says what is wrong. Returns uint8 [H, W, 3], RGB, writable. Thread-safe. Raises InvalidArgumentError for another
    kind of array, MissingExtraError without the extra `video`.
    """
    if picture is None:
        return _pixels(grey_card(CARD_SIZE, f"{event.outcome}: {event.reason}" if event.reason else "no picture"))
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise InvalidArgumentError(
            f"a picture to draw on is a uint8 array [height, width, 3], RGB, not {picture.dtype} {list(picture.shape)}"
        )
    height, width = picture.shape[:2]
    image = Image.fromarray(np.ascontiguousarray(picture))
    draw_event(image, event, (width / (event.width or width), height / (event.height or height)))
    return _pixels(image)


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    return np.array(image)
