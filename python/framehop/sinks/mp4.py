"""Write mp4 files in VP9 by libvpx, through PyAV (the extra `video`). PyAV's GPL encoders are never used."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np

from framehop.errors import ClosedError, ConfigError, MissingExtraError, SystemCallError
from framehop.installing import install
from framehop.sinks.drawing import Size
from framehop.sinks.pillow import Image

try:
    import av
    from av.error import FFmpegError
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
except ImportError as error:
    raise MissingExtraError(f"writing video files needs PyAV: {install('video')}") from error

_TIME_BASE = Fraction(1, 90_000)
# Speed comes first, since these films are only looked at. The quality is fixed (crf), not the bit rate.
_LIBVPX = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "crf": "36", "b": "0"}


class Mp4Writer:
    """Writes pictures with their times. The file appears under its name when it is complete, or not at all.

    Use from one thread, as a context manager: leaving it by an exception removes what was written.
    """

    def __init__(self, path: Path, size: Size, *, rate: float) -> None:
        """Open the file. `size`: (width, height), even. `rate`: rough pictures per second; each picture brings its own time."""
        if path.suffix.lower() != ".mp4":
            raise ConfigError(f"cannot write {path}: only mp4 files are written; give a name that ends in .mp4")
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        self._size = size
        self._last_pts = -1
        try:
            self._file = self._part.open("wb")
        except OSError as error:
            raise SystemCallError(
                f"cannot write {path}: {error.strerror}; choose a directory that exists and can be written"
            ) from error
        self._container = av.open(self._file, "w", format="mp4")
        self._stream = self._new_stream(rate)
        self._open = True

    def _new_stream(self, rate: float) -> VideoStream:
        stream = self._container.add_stream("libvpx-vp9", rate=Fraction(rate).limit_denominator(1000), options=_LIBVPX)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _TIME_BASE
        return stream

    def write(self, image: Image.Image, at_us: int) -> None:
        """Add a picture of the file's size, shown from `at_us` on (microseconds, growing)."""
        if not self._open:
            raise ClosedError(f"{self._path} is closed")
        frame = VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
        frame.pts = max(self._last_pts + 1, round(at_us * _TIME_BASE.denominator / 1_000_000))
        frame.time_base = _TIME_BASE
        self._last_pts = frame.pts
        self._encode(frame)

    def _encode(self, frame: VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except (FFmpegError, OSError) as error:
            raise SystemCallError(
                f"cannot write {self._path}: {error.strerror}; make room and write it again"
            ) from error

    def close(self) -> None:
        """Finish the file and give it its name."""
        if not self._open:
            return
        try:
            self._encode(None)
            self._release()
            self._part.replace(self._path)
        except OSError as error:
            self.discard()
            raise SystemCallError(f"cannot write {self._path}: {error.strerror or error}") from error

    def _release(self) -> None:
        self._open = False
        try:
            self._container.close()
        finally:
            self._file.close()

    def discard(self) -> None:
        """Remove what was written. Harmless after `close`."""
        if self._open:
            with contextlib.suppress(OSError):  # the trailer may find no room either
                self._release()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_exc: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
