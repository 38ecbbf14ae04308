"""Looks at the boxes of which mp4, mov and HEIF files consist, and without some of which nothing of a film can be read."""

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
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")  # what the first box says of a picture
_MOST = 1000  # boxes


def lacks_index(path: Path) -> bool:
    """Return whether a file begins as an mp4 or mov and has no whole index. HEIF pictures have another one."""
    boxes = _boxes_of(path)
    return bool(boxes) and boxes[0][0] in _FIRST and not {(b"moov", True), (b"meta", True)} & set(boxes)


def is_heif(path: Path) -> bool:
    """Return whether a file is a HEIF picture, such as a phone's HEIC. FFmpeg takes each tile of it for a film."""
    boxes = _boxes_of(path)
    if not boxes or boxes[0][0] != b"ftyp" or (b"moov", True) in boxes:
        return False
    with path.open("rb") as file:
        return file.read(12)[8:] in _HEIF


def _boxes_of(path: Path) -> list[tuple[bytes, bool]]:
    """Return the kind of each box of a file, and whether it is there as a whole; nothing if the file cannot be read."""
    try:
        if not path.is_file():  # to open a named pipe would wait for its other end
            return []
        with path.open("rb", buffering=0) as file:  # a buffer is filled anew at every box
            file_bytes = path.stat().st_size
            boxes = islice(boxes_in(file, file_bytes), _MOST)
            return [(kind, size >= 8 and end <= file_bytes) for kind, size, end in boxes]
    except OSError:
        return []


def boxes_in(file: BinaryIO, file_bytes: int) -> Iterator[tuple[bytes, int, int]]:
    """Iterate over the kinds of a file's boxes with their sizes, and where they end. The last one may end behind the file, or have
    a size that is none."""
    end = 0
    while len(head := file.read(16)) >= 8:
        size = int.from_bytes(head[:4])
        if size == 1:
            size = int.from_bytes(head[8:])
        end += size
        yield head[4:8], size, end
        if size < 8 or end > file_bytes:  # 0: up to the end of the file
            return
        file.seek(end)
