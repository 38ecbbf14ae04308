"""TurboJPEG as anyone can have it: ctypes on the system's library, the one that framehop's core is linked to."""

from __future__ import annotations

import ctypes
import threading

import numpy as np
from numpy.typing import NDArray

from framehop._core import place
from framehop.types import Need

LIBRARY = "libturbojpeg.so.0"
_RGB = 0  # TJPF_RGB
_EIGHTHS = 8
_QUICK_EIGHTHS = (1, 2, 4)  # those for which libjpeg-turbo has vector code


class TurboJpeg:
    """Decodes at the smallest of the quick DCT scales that is enough for a model. One handle per thread; they live as long as the
    process."""

    def __init__(self, need: Need) -> None:
        self._need = need
        self._mine = threading.local()
        self._library = ctypes.CDLL(LIBRARY)
        self._library.tjInitDecompress.restype = ctypes.c_void_p
        number = ctypes.POINTER(ctypes.c_int)
        self._library.tjDecompressHeader3.argtypes = [
            *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong),
            *(number, number, number, number),
        ]
        self._library.tjDecompress2.argtypes = [
            *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_void_p),
            *(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int),
        ]

    def size(self, data: bytes) -> tuple[int, int]:
        """(width, height) of the picture itself."""
        width, height, subsampling, colours = (ctypes.c_int() for _ in range(4))
        failed = self._library.tjDecompressHeader3(
            *(self._handle(), data, len(data)),
            *(ctypes.byref(width), ctypes.byref(height), ctypes.byref(subsampling), ctypes.byref(colours)),
        )
        assert not failed, "the workload's own JPEG has a bad header"
        return width.value, height.value

    def scaled(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) after decoding."""
        need = self._need
        _, _, *least = place(
            mode=need.fit, width=size[0], height=size[1], input_width=need.width, input_height=need.height
        )
        for eighths in _QUICK_EIGHTHS:
            width, height = (-(-side * eighths // _EIGHTHS) for side in size)
            if width >= least[0] and height >= least[1]:
                return width, height
        return size

    def decode(self, data: bytes, buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Uses the start of `buffer` (uint8, one dimension, large enough); returns a view of it: uint8 [H, W, 3], RGB."""
        width, height = self.scaled(self.size(data))
        failed = self._library.tjDecompress2(
            *(self._handle(), data, len(data), buffer.ctypes.data),
            *(width, width * 3, height, _RGB, 0),
        )
        assert not failed, "the workload's own JPEG does not decode"
        return buffer[: width * height * 3].reshape(height, width, 3)

    def _handle(self) -> int:
        if not hasattr(self._mine, "handle"):
            self._mine.handle = self._library.tjInitDecompress()
        handle: int = self._mine.handle
        return handle
