"""Tells whether an mp4 or mov has the index of its pictures, for a message: without it nothing of a film can be read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

NO_INDEX = (
    "it lacks the index of its pictures (moov), which is written last, as when recording or copying broke off: copy it once more, "
    "or repair it with a tool such as untrunc"
)
_FIRST = (b"ftyp", b"wide", b"mdat")  # the box with which such a film begins
_MOST = 1000  # boxes


def lacks_index(path: Path) -> bool:
    """Return whether a file begins as an mp4 or mov and has no whole index."""
    try:
        with path.open("rb") as file:
            boxes = list(islice(_boxes(file, path.stat().st_size), _MOST))
    except OSError:
        return False
    return bool(boxes) and boxes[0][0] in _FIRST and (b"moov", True) not in boxes


def _boxes(file: BinaryIO, file_bytes: int) -> Iterator[tuple[bytes, bool]]:
    """Yield the kind of each box of a file, and whether it is there as a whole."""
    start = 0
    while len(head := file.read(16)) >= 8:
        size = int.from_bytes(head[:4])
        if size == 1:
            size = int.from_bytes(head[8:])
        start += size
        yield head[4:8], size >= 8 and start <= file_bytes
        if size < 8 or start > file_bytes:  # 0: up to the end of the file
            return
        file.seek(start)
