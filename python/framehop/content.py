"""Read a frame's content type: whether it is a JPEG or a film, and how its pictures are to be turned."""

from __future__ import annotations

import re
from typing import Literal

VideoCodec = Literal["h264", "h265"]

JPEG = "image/jpeg"
VIDEO: dict[str, VideoCodec] = {"video/h264": "h264", "video/h265": "h265"}

_ORIENTATION = re.compile(r";orientation=([1-8])$")


def kind_of(content_type: str) -> str:
    """Return the content type without its parameters."""
    return content_type.partition(";")[0]


def orientation_of(content_type: str) -> int:
    """Return how the pictures are to be turned, as an Exif orientation: 6 of `video/h264;orientation=6`, else 1."""
    found = _ORIENTATION.search(content_type)
    return int(found[1]) if found else 1
