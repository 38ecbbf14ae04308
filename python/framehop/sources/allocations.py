"""Bounds what FFmpeg gathers in memory of one picture, which it reads whole however large a hostile sender makes it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
from collections.abc import Collection
from pathlib import Path

from framehop.sources.raster import MAX_PIXELS

MOST_BYTES = 3 * MAX_PIXELS + (1 << 20)  # the largest picture that is encoded here, as RGB
# The sixth column, which may have spaces.
_LIBRARY = re.compile(r"^(?:\S+ +){5}(/.*/libavutil[-.].*)$", re.MULTILINE)


def bound_allocations() -> None:
    """Set the size of FFmpeg's largest block of memory, in all copies of its library that are loaded; by default it is 2 GiB. What
    needs more fails by itself. FFmpeg's binding has no such function. Nothing happens where no library is found."""
    for path in libraries_in(_mapped()):
        with contextlib.suppress(OSError):  # its file was removed or replaced since
            ctypes.CDLL(path, mode=os.RTLD_NOLOAD).av_max_alloc(ctypes.c_size_t(MOST_BYTES))


def libraries_in(maps: str) -> Collection[str]:
    """Return the paths of the libraries in the text of /proc/self/maps."""
    return set(_LIBRARY.findall(maps))


def _mapped() -> str:
    try:
        return Path("/proc/self/maps").read_text(errors="surrogateescape")
    except OSError:
        return ""
