"""Tells whether the file of a film ends before what its own sizes say, as when recording or copying it broke off."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import BinaryIO

from framehop.sources.boxes import boxes_in

CUT_OFF = "an end that the sizes in the film's file announce and the file does not have"
_MOST = 100_000  # boxes: half a day of fragments of a second each
# Pictures lie in these or follow them. Behind the last one there may be others without any, or what is no box at all.
_KINDS = frozenset({b"ftyp", b"moov", b"mdat", b"moof", b"sidx", b"styp", b"emsg", b"prft"})
_FRAGMENT = b"moof"  # announces the pictures of the box behind it
_EBML, _SEGMENT = b"\x1aE\xdf\xa3", b"\x18S\x80g"


def is_cut_off(path: Path, *, only_fragments: bool = False) -> bool:
    """Return whether an mp4, a mov or a Matroska film ends within a box, or behind one that announces pictures, or within its
    segment. Of other films, and of one whose segment has no size since it was written as it came, nothing is known: False.
    `only_fragments`: say so only of a film in fragments, as an index counts the pictures of others."""
    try:
        with path.open("rb", buffering=0) as file:  # a buffer is filled anew at every box
            file_bytes = path.stat().st_size
            head = file.read(4)
            file.seek(0)
            if head == _EBML:
                return _segment_end(file) > file_bytes and not only_fragments
            return _ends_in_a_box(file, file_bytes, only_fragments)
    except OSError:
        return False


def _ends_in_a_box(file: BinaryIO, file_bytes: int, only_fragments: bool) -> bool:
    last, fragments = (b"", 0, 0), False
    for last in islice(boxes_in(file, file_bytes), _MOST):
        fragments = fragments or last[0] == _FRAGMENT
    kind, size, end = last
    needed = end + 8 if kind == _FRAGMENT else end  # one more box
    return kind in _KINDS and size >= 8 and needed > file_bytes and (fragments or not only_fragments)


def _segment_end(file: BinaryIO) -> int:
    """Return where a Matroska file says that its segment ends, which holds all of the film; 0 if it does not say."""
    file.seek(4)
    size = _length(file)
    file.seek(max(0, size), 1)
    if file.read(4) != _SEGMENT or (size := _length(file)) < 0:
        return 0
    return file.tell() + size


def _length(file: BinaryIO) -> int:
    """Read a number of EBML, whose first bit that is set tells how many bytes it has; -1 if it is none, or stands for unknown."""
    first = int.from_bytes(file.read(1))
    more = 8 - first.bit_length()
    if more > 7:
        return -1
    bits = 7 * (more + 1)
    value = int.from_bytes(bytes([first]) + file.read(more)) & (1 << bits) - 1
    return -1 if value == (1 << bits) - 1 else value
