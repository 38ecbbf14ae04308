"""Measures the way from a JPEG of 1080p to pixels in one thread: into a ring's slot, and by others into memory of their own."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from framehop import _core
from framehop.bench.pictures import HEIGHT, SIZE, WIDTH, jpeg
from framehop.bench.trips import Trips, Way, timed
from framehop.errors import ProcessError

TURBOJPEG = "libturbojpeg.so.0"
_RGB = 0  # TJPF_RGB


def has_turbojpeg() -> bool:
    """Whether the system has the library: a wheel of framehop brings its own, which nobody else can call."""
    try:
        ctypes.CDLL(TURBOJPEG)
    except OSError:
        return False
    return True


def into_slots() -> Way:
    """Return framehop's decoder, as a worker uses it."""

    @contextmanager
    def near(place: Path) -> Iterator[Trips]:
        source = jpeg()
        with (
            _core.Ring.create(str(place / "ring"), slots=2, slot_bytes=SIZE) as ring,
            _core.JpegDecoder(threads=1) as decoder,
        ):

            def trip() -> None:
                slot = ring.try_acquire(_core.FrameTag("bench", 1, 0))
                assert slot is not None
                [outcome] = decoder.decode([slot], [source])
                if outcome.ref is None:
                    raise ProcessError(f"the measurement's own JPEG was refused: {outcome.message}")
                ring.retire(outcome.ref)

            yield timed(trip)

    return Way(near=near)


def turbojpeg() -> Way:
    """Return a bare loop on libturbojpeg's C interface, always into the same memory."""

    @contextmanager
    def near(_place: Path) -> Iterator[Trips]:
        library = ctypes.CDLL(TURBOJPEG)
        library.tjInitDecompress.restype = ctypes.c_void_p
        library.tjDestroy.argtypes = [ctypes.c_void_p]
        library.tjDecompress2.argtypes = [
            *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_void_p),
            *(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int),
        ]
        handle = library.tjInitDecompress()
        source, pixels = jpeg(), np.empty((HEIGHT, WIDTH, 3), np.uint8)

        def trip() -> None:
            size = (WIDTH, WIDTH * 3, HEIGHT)
            if library.tjDecompress2(handle, source, len(source), pixels.ctypes.data, *size, _RGB, 0):
                raise ProcessError("libturbojpeg refused the measurement's own JPEG")

        trip()
        _check(pixels)
        yield timed(trip)
        library.tjDestroy(handle)

    return Way(near=near)


def simplejpeg() -> Way:
    """Return simplejpeg's decoder into memory that it is given."""

    @contextmanager
    def near(_place: Path) -> Iterator[Trips]:
        library = importlib.import_module("simplejpeg")
        source, pixels = jpeg(), np.empty((HEIGHT, WIDTH, 3), np.uint8)

        def trip() -> None:
            library.decode_jpeg(source, colorspace="RGB", buffer=pixels)

        trip()
        _check(pixels)
        yield timed(trip)

    return Way(near=near)


def opencv() -> Way:
    """Return OpenCV's decoder. It decodes to BGR, its own order, into memory of its own."""

    @contextmanager
    def near(_place: Path) -> Iterator[Trips]:
        library = importlib.import_module("cv2")
        library.setNumThreads(1)
        source = np.frombuffer(jpeg(), np.uint8)
        _check(library.imdecode(source, library.IMREAD_COLOR)[..., ::-1])
        yield timed(lambda: library.imdecode(source, library.IMREAD_COLOR))

    return Way(near=near)


def imagecodecs() -> Way:
    """Return imagecodecs' decoder, which is libjpeg-turbo, into memory that it is given."""

    @contextmanager
    def near(_place: Path) -> Iterator[Trips]:
        library = importlib.import_module("imagecodecs")
        source, pixels = jpeg(), np.empty((HEIGHT, WIDTH, 3), np.uint8)

        def trip() -> None:
            library.jpeg8_decode(source, out=pixels)

        trip()
        _check(pixels)
        yield timed(trip)

    return Way(near=near)


def _check(pixels: NDArray[np.uint8]) -> None:
    """Compare with framehop's pixels: decoders may round, but must show the same picture."""
    difference = np.abs(pixels.astype(np.int16) - _core.decode_jpeg(jpeg()).astype(np.int16)).mean()
    if difference > 2.0:
        raise ProcessError(f"a decoder differs by {difference:.1f} grey levels on average: its figures are void")
