"""Find the codec that a container names, for a message; FFmpeg knows no name of a codec that it has no decoder for."""

from __future__ import annotations

import re
from pathlib import Path

_LOOK = 1 << 20  # bytes at either end of the file, where containers keep the name
_PLACES = (
    re.compile(rb"stsd.{4}\0\0\0.{5}([\x20-\x7e]{4})", re.DOTALL),  # mp4, mov: the first sample entry
    re.compile(rb"strh.{4}vids([\x20-\x7e]{4})", re.DOTALL),  # avi: the stream's header
    re.compile(rb"(V_[A-Z0-9_/]{3,32})"),  # mkv, webm
)


def codec_in(path: Path) -> str:
    """Return the codec's name; empty when it is not found. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(_LOOK)
        file.seek(max(0, path.stat().st_size - _LOOK))
        tail = file.read(_LOOK)
    for place in _PLACES:
        if found := place.search(head) or place.search(tail):
            return found[1].decode().strip()
    return ""
