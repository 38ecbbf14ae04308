"""Films of many kinds, as encoders write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.clips import numbered

Pixels = NDArray[np.uint8]
COUNT = 26
KEYS = "keyint=10:min-keyint=10:scenecut=0"
H264, H265 = "libx264", "libx265"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of film. `pts`: the times of its pictures, in hundredths of a second."""

    codec: str = H264
    params: str = KEYS
    bframes: int = 0
    pix_fmt: str = "yuv420p"
    flags: str = ""
    pts: Sequence[int] = tuple(range(0, 4 * COUNT, 4))
    suffix: str = "mp4"


def textured(number: int, size: tuple[int, int]) -> Pixels:
    """A picture that differs from every other one all over, and that no codec makes flat."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    waves = 20 * np.sin((x + 5 * number) / 7) + 20 * np.cos((y - 3 * number) / 5)
    ground = np.kron(numbered(number), np.ones((2, 2, 1), np.uint8))[:height, :width].astype(float)
    return np.asarray(np.clip(ground + waves[..., None] * (1, -1, 0.5), 0, 255), np.uint8)


def encoder_options(kind: Kind) -> dict[str, str]:
    name, quiet = ("x264-params", "") if kind.codec == H264 else ("x265-params", ":log-level=none")
    found = {name: f"{kind.params}:bframes={kind.bframes}:b-adapt=0{quiet}", "preset": "veryfast", "crf": "12"}
    return found | ({"flags": kind.flags} if kind.flags else {})


def write(path: Path, kind: Kind, size: tuple[int, int] = (192, 128)) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(kind.codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = kind.pix_fmt
        stream.time_base = stream.codec_context.time_base = Fraction(1, 100)
        if "yuvj" in kind.pix_fmt:
            stream.codec_context.color_range = 2
        stream.codec_context.options = encoder_options(kind)
        for number, pts in enumerate(kind.pts):
            frame = av.VideoFrame.from_ndarray(textured(number, size), format="rgb24").reformat(format=kind.pix_fmt)
            frame.pts, frame.time_base = pts, Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
