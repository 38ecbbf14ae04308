"""Bounds what FFmpeg gathers in memory of one picture, which it reads whole however large a hostile sender makes it."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

from framehop.sources.raster import MAX_PIXELS

MOST_BYTES = 3 * MAX_PIXELS + (1 << 20)  # the largest picture that is encoded here, as RGB
_LIBRARY = re.compile(r"(/\S*/libavutil[-.]\S*)$", re.MULTILINE)


def bound_allocations() -> None:
    """Set the size of FFmpeg's largest block of memory, in all copies of its library that are loaded; by default it is 2 GiB. What
    needs more fails by itself. FFmpeg's binding has no such function. Nothing happens where no library is found."""
    for path in set(_LIBRARY.findall(Path("/proc/self/maps").read_text())):
        ctypes.CDLL(path).av_max_alloc(ctypes.c_size_t(MOST_BYTES))
