"""Makes the film that is measured: a street's worth of detail that moves, as a camera would send it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from framehop._core import decode_jpeg
from framehop.inference.registry import sample_picture

SIZE = (1280, 720)
X264 = {"x264-params": "keyint=250:min-keyint=250:scenecut=0:bframes=3", "preset": "medium", "crf": "23"}


def write_film(path: Path, frames: int) -> Path:
    """Pan over the picture that comes with framehop, 25 frames a second."""
    width, height = SIZE
    picture = decode_jpeg(sample_picture())
    tiled = np.tile(picture, (-(-height // picture.shape[0]) + 1, -(-width // picture.shape[1]) + 2, 1))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.options = X264
        for number in range(frames):
            x, y = 3 * number % picture.shape[1], number % picture.shape[0]
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(tiled[y : y + height, x : x + width]), format="rgb24"
            )
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
