"""Video files, read through FFmpeg's libraries (PyAV), decoded in this thread and encoded to JPEG. Needs the extra `video`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from framehop._core import encode_jpeg
from framehop.protocols import NO_PICTURE, Picture
from framehop.sources.container import (
    FFmpegError,
    InputContainer,
    Timeline,
    VideoFrame,
    VideoReformatter,
    VideoStream,
    base_of,
    lacks_memory,
    rate_of,
    reason_of,
)
from framehop.sources.film_file import FilmFile
from framehop.sources.raster import MAX_PIXELS
from framehop.sources.turning import Matrix, matrix_of

logger = logging.getLogger(__name__)

_UNDECODED = "a packet that cannot be decoded"


class VideoSource(FilmFile):
    """One video file: every picture of its first video stream, upright.

    `threads`: for FFmpeg's decoder; with 1, each of an ingest's many streams starts one thread and not one per core. `max_pixels`:
    a file that claims larger pictures is refused. Packets that cannot be decoded are left out, the same ones every time, and so are
    pictures that a file announces and lacks, such as one whose download broke off. `why_encoded`: the reason why it is encoded
    anew, logged when it is first read; empty if that was asked for.
    """

    def __init__(
        self,
        path: Path,
        *,
        stream: str,
        quality: int = 85,
        threads: int = 1,
        max_pixels: int = MAX_PIXELS,
        why_encoded: str = "",
    ) -> None:
        super().__init__(path, stream=stream, query=f"quality={quality}", max_pixels=max_pixels)
        self._quality = quality
        self._threads = threads
        self._to_say = why_encoded
        with self._opened(threads) as container:
            video = container.streams.video[0]
            self.rate = rate_of(video)
            self.count = video.frames or None

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        """Yield pictures, decoding from the file's start every time: seeking would make the seq depend on the container's index."""
        self._say()
        self._tally.clear()
        seen = 0
        with self._opened(self._threads) as container:
            video = container.streams.video[0]
            timeline = Timeline(base_of(video), round(1_000_000 / self.rate))
            upright = Upright()
            for frame in self._frames(container, video):
                media_us = timeline.place(frame.pts)
                seen += 1
                if seen > start_seq:
                    yield self._picture(frame, upright, media_us)
        damaged = sum(left.count for left in self._tally.so_far if left.reason == _UNDECODED)
        self._over(self.count or 0, seen + damaged)

    def _say(self) -> None:
        if why := self._to_say:
            self._to_say = ""
            logger.warning(
                "stream %s: decoded and encoded to JPEG, which costs far more than H.264 would: %s", self.stream, why
            )

    def _frames(self, container: InputContainer, video: VideoStream) -> Iterator[VideoFrame]:
        for packet in self._packets(container, video):
            try:
                frames = packet.decode()
            except FFmpegError as error:
                if lacks_memory(error):
                    raise
                self._tally.add(_UNDECODED, self._name)
                continue
            self._trimmed += packet.is_discard  # others are decoded from it, and it is not shown
            yield from frames

    def _picture(self, frame: VideoFrame, upright: Upright, media_us: int) -> Picture:
        """Encode a frame. A fault in it affects no other frame."""
        try:
            return self._encoded(upright.pixels(frame), media_us)
        except Exception as error:  # FFmpeg's scaler and PyAV may raise anything for a hostile file
            if lacks_memory(error):
                raise
            return Picture(
                payload=b"",
                media_us=media_us,
                content_type=NO_PICTURE,
                error=f"corrupt_picture: {self._name}: {reason_of(error)}",
            )

    def _encoded(self, pixels: NDArray[np.uint8], media_us: int) -> Picture:
        height, width = pixels.shape[:2]
        return Picture(
            payload=encode_jpeg(pixels, quality=self._quality), media_us=media_us, width=width, height=height
        )


class Upright:
    """Converts frames to RGB pixels, turned and mirrored as the file asks: a phone stores its clip lying on its side, and some
    cameras mirror. Use from one thread.

    The scaler is kept, and it works in the caller's thread: a new one per frame would start threads for every frame. Side data is
    read once per rotation, because PyAV ties a frame and its side data into a cycle, which only the garbage collector frees.
    """

    def __init__(self) -> None:
        self._scaler = VideoReformatter()
        self._matrices: dict[int, Matrix] = {}  # by the degrees that the frames name

    def pixels(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Return uint8 [H, W, 3], RGB."""
        rotation = int(frame.rotation)
        if rotation not in self._matrices:
            self._matrices[rotation] = matrix_of(frame)
        rgb = self._scaler.reformat(frame, format="rgb24", threads=1)
        stored = np.asarray(rgb.to_ndarray(), dtype=np.uint8)
        return np.ascontiguousarray(_displayed(stored, self._matrices[rotation]))


def _displayed(pixels: NDArray[np.uint8], matrix: Matrix) -> NDArray[np.uint8]:
    """Turn by right angles and mirror; any other angle is taken as the nearest right angle."""
    a, b, c, d = matrix
    if abs(a) + abs(d) < abs(b) + abs(c):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    if a < 0:
        pixels = pixels[:, ::-1]
    return pixels[::-1] if d < 0 else pixels
