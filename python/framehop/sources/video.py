"""Video files, read through FFmpeg's libraries (PyAV), decoded in this thread and encoded to JPEG. Needs the extra `video`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framehop._core import encode_jpeg
from framehop.account import LeftOut
from framehop.errors import MissingExtraError, SourceError, is_out_of_memory
from framehop.installing import install
from framehop.protocols import NO_PICTURE, Picture
from framehop.sources.codec_name import codec_in
from framehop.sources.identity import shown, version_of
from framehop.sources.left_out import Tally
from framehop.sources.raster import MAX_PIXELS
from framehop.sources.understood import UNDERSTOOD

try:
    import av
    from av.container import InputContainer
    from av.error import FFmpegError
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter
    from av.video.stream import VideoStream
except ImportError as error:
    raise MissingExtraError(f"reading video files needs PyAV: {install('video')}") from error

# A hostile file may be a playlist that names other files or hosts, so only containers with their own pictures are opened.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,ogg,flv,asf,ivf,mjpeg,h264,hevc,gif,apng,y4m,"
    "yuv4mpegpipe,mxf,dv,dhav"
)
_UNDECODED = "a packet that cannot be decoded"
_ABSENT = "a picture that the file announces and does not have"
_MAX_STEP_US = 3_600_000_000  # a longer pause between two pictures means a broken time stamp
_DEFAULT_RATE = 25.0
_ROOM = 64 << 20  # more than a picture of any camera takes

# These equal `_matrix_of` for a turn by degrees, without mirrors.
_TURNS = {-90: (0, 1, -1, 0), 90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), -180: (-1, 0, 0, -1)}


class VideoSource:
    """One video file: every picture of its first video stream, upright.

    `threads`: for FFmpeg's decoder; with 1, each of an ingest's many streams starts one thread and not one per core. `max_pixels`:
    a file that claims larger pictures is refused. Packets that cannot be decoded are left out, the same ones every time, and so are
    pictures that a file announces and lacks, such as one whose download broke off.
    """

    finite = True

    def __init__(
        self, path: Path, *, stream: str, quality: int = 85, threads: int = 1, max_pixels: int = MAX_PIXELS
    ) -> None:
        self._path = path
        self._quality = quality
        self._threads = threads
        self._max_pixels = max_pixels
        self._tally = Tally()
        self.stream = stream
        self.uri = f"{path.absolute().as_uri()}?quality={quality}"
        self.version = version_of(path)
        with self._open() as container:
            video = container.streams.video[0]
            self.rate = _rate(video)
            self.count = video.frames or None

    def _open(self) -> InputContainer:
        options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
        try:
            # Tags may have any encoding, and none is read here.
            container = av.open(f"file:{self._path.absolute()}", options=options, metadata_errors="replace")
        except Exception as error:  # a demuxer may raise anything for a hostile file
            if _lacks_memory(error):
                raise
            raise SourceError(
                f"cannot open {self._path} as video: {_reason(error)}; give a video file such as an mp4\n{UNDERSTOOD}"
            ) from (None if is_out_of_memory(error) else error)  # its claim is no lack of memory to anybody else either
        try:
            return self._checked(container)
        except BaseException:
            container.close()
            raise

    def _checked(self, container: InputContainer) -> InputContainer:
        if not container.streams.video:
            raise SourceError(f"{self._path} has no video stream; give a file with pictures in it")
        video = container.streams.video[0]
        if video.codec_context is None:
            raise SourceError(
                f"{self._path} is encoded with {self._codec()}, for which there is no decoder here: convert it to H.264"
            )
        if video.codec_context.width * video.codec_context.height > self._max_pixels:
            raise SourceError(
                f"{self._path} claims pictures of more than {self._max_pixels} pixels, the limit; scale it down first"
            )
        video.codec_context.thread_count = self._threads
        video.codec_context.options = {"max_pixels": str(self._max_pixels)}
        return container

    def _codec(self) -> str:
        try:
            name = codec_in(self._path)
        except OSError:
            name = ""
        return f"the codec {name}" if name else "a codec that is not known"

    @property
    def left_out(self) -> Sequence[LeftOut]:
        return self._tally.so_far

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        """Yield pictures, decoding from the file's start every time: seeking would make the seq depend on the container's index."""
        self._tally.clear()
        seen = 0
        with self._open() as container:
            video = container.streams.video[0]
            timeline = _Timeline(video.time_base or Fraction(1, 1000), round(1_000_000 / self.rate))
            upright = _Upright()
            for frame in self._frames(container, video):
                media_us = timeline.place(frame.pts)
                seen += 1
                if seen > start_seq:
                    yield self._picture(frame, upright, media_us)
        self._miss(seen)

    def _miss(self, seen: int) -> None:
        """Count pictures that the container's index announces and that never came, apart from damaged packets."""
        damaged = sum(left.count for left in self._tally.so_far)
        absent = (self.count or 0) - seen - damaged
        if absent > 0:
            self._tally.add(_ABSENT, shown(self._path.name), absent)

    def _frames(self, container: InputContainer, video: VideoStream) -> Iterator[VideoFrame]:
        packets = container.demux(video)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError as error:
                raise SourceError(f"{self._path} cannot be read any further: {_reason(error)}") from error
            if packet is None:
                return
            try:
                frames = packet.decode()
            except FFmpegError as error:
                if _lacks_memory(error):
                    raise
                self._tally.add(_UNDECODED, shown(self._path.name))
                continue
            yield from frames

    def _picture(self, frame: VideoFrame, upright: _Upright, media_us: int) -> Picture:
        """Encode a frame. A fault in it affects no other frame."""
        try:
            return self._encoded(upright.pixels(frame), media_us)
        except Exception as error:  # FFmpeg's scaler and PyAV may raise anything for a hostile file
            if _lacks_memory(error):
                raise
            return Picture(
                payload=b"",
                media_us=media_us,
                content_type=NO_PICTURE,
                error=f"corrupt_picture: {shown(self._path.name)}: {_reason(error)}",
            )

    def _encoded(self, pixels: NDArray[np.uint8], media_us: int) -> Picture:
        height, width = pixels.shape[:2]
        return Picture(
            payload=encode_jpeg(pixels, quality=self._quality), media_us=media_us, width=width, height=height
        )


@dataclass(slots=True)
class _Timeline:
    """Places pictures on a timeline that starts at 0 and always advances, whatever the file's time stamps do."""

    time_base: Fraction
    period_us: int
    _stamp_us: int | None = None  # the previous picture's
    _place_us: int = -1

    def place(self, pts: int | None) -> int:
        """Return the microseconds from the first picture."""
        before_us, self._stamp_us = self._stamp_us, None if pts is None else round(pts * self.time_base * 1_000_000)
        if self._place_us < 0:
            self._place_us = 0
        elif before_us is None or self._stamp_us is None:
            self._place_us += self.period_us
        else:
            step_us = self._stamp_us - before_us
            self._place_us += step_us if 0 < step_us <= _MAX_STEP_US else self.period_us
        return self._place_us


class _Upright:
    """Converts frames to RGB pixels, turned and mirrored as the file asks: a phone stores its clip lying on its side, and some
    cameras mirror. Use from one thread.

    The scaler is kept, and it works in the caller's thread: a new one per frame would start threads for every frame. Side data is
    read once per rotation, because PyAV ties a frame and its side data into a cycle, which only the garbage collector frees.
    """

    def __init__(self) -> None:
        self._scaler = VideoReformatter()
        self._matrices: dict[int, tuple[int, int, int, int]] = {}  # by the degrees that the frames name

    def pixels(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Return uint8 [H, W, 3], RGB."""
        rotation = int(frame.rotation)
        if rotation not in self._matrices:
            self._matrices[rotation] = _matrix_of(frame)
        rgb = self._scaler.reformat(frame, format="rgb24", threads=1)
        stored = np.asarray(rgb.to_ndarray(), dtype=np.uint8)
        return np.ascontiguousarray(_displayed(stored, self._matrices[rotation]))


def _matrix_of(frame: VideoFrame) -> tuple[int, int, int, int]:
    """Return how a stored pixel's column and row move when it is shown: by (a, b) per column and (c, d) per row, the upper left of
    FFmpeg's display matrix."""
    try:
        found: Any = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV does not know some side data, such as the Exif of a phone's JPEG
        return _TURNS.get(frame.rotation, (1, 0, 0, 1))
    if found is None or len(data := bytes(found)) < 20:
        return 1, 0, 0, 1
    a, b, _, c, d = np.frombuffer(data, np.int32, 5).tolist()
    return a, b, c, d


def _displayed(pixels: NDArray[np.uint8], matrix: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Turn by right angles and mirror; any other angle is taken as the nearest right angle."""
    a, b, c, d = matrix
    if abs(a) + abs(d) < abs(b) + abs(c):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    if a < 0:
        pixels = pixels[:, ::-1]
    return pixels[::-1] if d < 0 else pixels


def _rate(video: VideoStream) -> float:
    rate = float(video.average_rate or video.guessed_rate or _DEFAULT_RATE)
    return rate if 0.001 <= rate <= 1000 else _DEFAULT_RATE


def _lacks_memory(error: Exception) -> bool:
    """Return whether memory ran out here. FFmpeg says the same of a hostile file that claims tables larger than all memory: then
    there is still some to be had, and the file is at fault."""
    if not is_out_of_memory(error):
        return False
    try:
        bytearray(_ROOM)
    except MemoryError:
        return True
    return not isinstance(error, FFmpegError)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
