"""Films for tests: H.264 and H.265 files whose every picture tells its number."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

BITS = 10  # of the number, as blocks of a row: bright is 1
BLOCK = 16
SIZE = (BITS * BLOCK, 64)


def numbered(number: int) -> NDArray[np.uint8]:
    """Return a picture that tells its number, uint8 [64, 160, 3]."""
    pixels = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            pixels[:, bit * BLOCK : (bit + 1) * BLOCK] = 215
    return pixels


def number_in(pixels: NDArray[np.uint8]) -> int:
    """Read the number of a picture of any scale."""
    height, width = pixels.shape[:2]
    columns = [round((bit + 0.5) * width / BITS) for bit in range(BITS)]
    return sum(1 << bit for bit, x in enumerate(columns) if pixels[height // 2, x].mean() > 127)


def write_film(
    path: Path,
    count: int,
    *,
    codec: str = "libx264",
    params: str = "keyint=10:min-keyint=10:scenecut=0",
    bframes: int = 0,
) -> Path:
    """Write pictures 0 to `count` - 1 at 25 per second. `params`: as x264 and x265 have them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, 25)
        if codec.startswith("libx"):
            stream.codec_context.options = _options(codec, params, bframes)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            frame.pts = number
            frame.time_base = Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _options(codec: str, params: str, bframes: int) -> dict[str, str]:
    name, quiet = ("x264-params", "") if codec == "libx264" else ("x265-params", ":log-level=none")
    return {name: f"{params}:bframes={bframes}:b-adapt=0{quiet}", "preset": "veryfast"}
