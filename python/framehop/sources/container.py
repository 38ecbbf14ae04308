"""Opens video files through FFmpeg's libraries (PyAV), which the extra `video` brings. No other module imports them."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from framehop.errors import MissingExtraError, SourceError, is_out_of_memory
from framehop.installing import install
from framehop.sources.allocations import bound_allocations
from framehop.sources.boxes import NO_INDEX, lacks_index
from framehop.sources.codec_name import codec_in
from framehop.sources.cut_off import is_cut_off
from framehop.sources.identity import shown, version_of
from framehop.sources.raster import MAX_PIXELS
from framehop.sources.understood import UNDERSTOOD

try:
    import av
    from av import CodecContext
    from av.bitstream import BitStreamFilterContext
    from av.container import InputContainer
    from av.error import (
        ExitError,
        FFmpegError,
        HTTPBadRequestError,
        HTTPForbiddenError,
        HTTPOtherClientError,
        HTTPUnauthorizedError,
    )
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter
    from av.video.stream import VideoStream
except ImportError as error:
    raise MissingExtraError(f"reading cameras and films needs PyAV: {install('video')}") from error

bound_allocations()

__all__ = [
    "FILE_FORMATS",
    "BitStreamFilterContext",
    "ExitError",
    "FFmpegError",
    "HTTPBadRequestError",
    "HTTPForbiddenError",
    "HTTPOtherClientError",
    "HTTPUnauthorizedError",
    "InputContainer",
    "Packet",
    "Timeline",
    "VideoFrame",
    "VideoReformatter",
    "VideoStream",
    "announced_end_us",
    "base_of",
    "bytes_of",
    "codec_of",
    "dates_packets",
    "has_sides",
    "is_encrypted",
    "lacks_memory",
    "microseconds",
    "open_address",
    "open_video",
    "rate_of",
    "read_alone",
    "reason_of",
    "shape_in",
    "trimmed_of",
]

# A hostile file may be a playlist that names other files or hosts, so only containers with their own pictures are opened.
FILE_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,ogg,flv,asf,ivf,mjpeg,h264,hevc,gif,apng,y4m,"
    "yuv4mpegpipe,mxf,dv,dhav"
)
_MAX_STEP_US = 3_600_000_000  # a longer pause between two pictures means a broken time stamp
_DEFAULT_RATE = 25.0
_ROOM = 64 << 20  # more than a picture of any camera takes

_UNDECODED = {"skip_frame": "all"}
# Tags may have any encoding, and none is read here. PyAV 19 decodes them when they are asked for, and has no such argument.
_TAGS: dict[str, Any] = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}


def open_video(
    path: Path, *, threads: int = 1, max_pixels: int = MAX_PIXELS, only_packets: bool = False
) -> InputContainer:
    """Open a file that has a video stream which can be decoded. `threads`: for FFmpeg's decoder. `max_pixels`: a file that claims
    larger pictures is refused. `only_packets`: FFmpeg need not decode a picture to learn its format, which is nine tenths of the
    price; only for a file for which `dates_packets` has said so. Raises SourceError."""
    _refuse_pipe(path)
    options = {"format_whitelist": FILE_FORMATS, "protocol_whitelist": "file"} | (_UNDECODED if only_packets else {})
    try:
        container = _opened(path, options)
    except Exception as error:  # a demuxer may raise anything for a hostile file
        if lacks_memory(error):
            raise
        raise SourceError(f"cannot open {shown(path)} as video: {_why_not(path, error)}") from (
            None if is_out_of_memory(error) else error
        )  # its claim is no lack of memory to anybody else either
    try:
        return _checked(container, path, threads, max_pixels)
    except BaseException:
        container.close()
        raise


def _why_not(path: Path, error: Exception) -> str:
    if lacks_index(path):
        return NO_INDEX
    if is_cut_off(path):
        return f"{reason_of(error)}; its file is cut off, as when recording or copying broke off: copy it once more"
    return f"{reason_of(error)}; give a video file such as an mp4\n{UNDERSTOOD}"


def _opened(path: Path, options: dict[str, str]) -> InputContainer:
    """Open a file, and one of fragments also where its recording broke off: FFmpeg looks through all of them at first, and gives up
    at one that is not whole. Raises what FFmpeg's binding raises."""
    url, version = f"file:{path.absolute()}", version_of(path)
    container: InputContainer
    try:
        container = av.open(url, options=options, **_TAGS)
        return container
    except FFmpegError as error:
        grew = version_of(path) != version  # what was cut off may be whole by now
        if lacks_memory(error) or lacks_index(path) or not (grew or is_cut_off(path)):
            raise
    container = av.open(url, options=options | {"fflags": "+ignidx"}, **_TAGS)  # fragment by fragment
    return container


def _refuse_pipe(path: Path) -> None:
    """Raise SourceError for what is no regular file: to open a named pipe would wait for its other end."""
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError:  # FFmpeg says why it cannot be opened
        return
    if not regular:
        raise SourceError(f"{shown(path)} is not a regular file; give a video file such as an mp4")


def dates_packets(container: InputContainer) -> bool:
    """Return whether the file itself says when each packet is to be decoded, as mp4 does. For other formats FFmpeg guesses
    it from what it saw when it decoded the beginning."""
    return "mp4" in container.format.name.split(",")


def open_address(
    url: str, *, format_name: str | None, options: dict[str, str], open_s: float, read_s: float
) -> InputContainer:
    """Connect to what is not a file. Opening ends after `open_s`, and so does every later read that takes longer than `read_s`.
    Raises FFmpegError, whose text may hold the URL and thus a password."""
    container: InputContainer = av.open(url, format=format_name, options=options, timeout=(open_s, read_s), **_TAGS)
    return container


def shape_in(codec: str, unit: bytes) -> tuple[int, int, float]:
    """Return what a key frame says of itself, by decoding it: width, height, and pictures per second, 0 if it does not tell. All
    are 0 if it cannot be decoded. `codec`: FFmpeg's name."""
    decoder = CodecContext.create(codec, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(MAX_PIXELS)}
    try:
        frames = [*decoder.decode(Packet(unit)), *decoder.decode(None)]
    except FFmpegError as error:
        if lacks_memory(error):
            raise
        return 0, 0, 0.0
    return (frames[0].width, frames[0].height, float(decoder.framerate or 0)) if frames else (0, 0, 0.0)


def _checked(container: InputContainer, path: Path, threads: int, max_pixels: int) -> InputContainer:
    videos = container.streams.video
    if (not videos or videos[0].codec_context is None) and lacks_index(path):  # FFmpeg takes a part of it for the whole
        raise SourceError(f"cannot open {shown(path)} as video: {NO_INDEX}")
    if not videos:
        raise SourceError(f"{shown(path)} has no video stream; give a file with pictures in it")
    video = videos[0]
    if video.codec_context is None:
        raise SourceError(
            f"{shown(path)} is encoded with {_codec(path)}, for which there is no decoder here: convert it to H.264"
        )
    if video.codec_context.width * video.codec_context.height > max_pixels:
        raise SourceError(
            f"{shown(path)} claims pictures of more than {max_pixels} pixels, the limit; scale it down first"
        )
    video.codec_context.thread_count = threads
    video.codec_context.options = {"max_pixels": str(max_pixels)}
    return container


def _codec(path: Path) -> str:
    try:
        name = codec_in(path)
    except OSError:
        name = ""
    return f"the codec {name}" if name else "a codec that is not known"


def base_of(video: VideoStream) -> Fraction:
    """Return the seconds of one step of the stream's time stamps. PyAV 19 has a type of its own for it, which is no Fraction."""
    base = video.time_base
    return Fraction(base.numerator, base.denominator) if base else Fraction(1, 90_000)


def bytes_of(container: InputContainer) -> int:
    """Return the bytes of what was opened; 0 where it has no end that is known, as a camera has none."""
    return max(0, container.size or 0)  # PyAV 19 has None, others FFmpeg's error


def codec_of(video: VideoStream) -> str:
    """Return FFmpeg's name of a stream's codec, as av1; that of the decoder may be another, as libdav1d."""
    return video.codec_context.codec.canonical_name


def microseconds(steps: int, base: Fraction) -> int:
    """Return `steps` of `base` seconds each in whole microseconds: `round(steps * base * 1_000_000)` at a tenth of its price, which
    every packet pays several times."""
    numerator, denominator = base.as_integer_ratio()  # at once, as each look into a Fraction is a call
    whole, rest = divmod(steps * numerator * 1_000_000, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2))


@dataclass(slots=True)
class Timeline:
    """Places pictures on a timeline that starts at 0 and always advances, whatever the file's time stamps do."""

    time_base: Fraction
    period_us: int
    _stamp_us: int | None = None  # the previous picture's
    _place_us: int = -1

    def place(self, pts: int | None) -> int:
        """Return the microseconds from the first picture."""
        before_us, self._stamp_us = self._stamp_us, None if pts is None else microseconds(pts, self.time_base)
        if self._place_us < 0:
            self._place_us = 0
        elif before_us is None or self._stamp_us is None:
            self._place_us += self.period_us
        else:
            step_us = self._stamp_us - before_us
            self._place_us += step_us if 0 < step_us <= _MAX_STEP_US else self.period_us
        return self._place_us


def read_alone(container: InputContainer, video: VideoStream) -> None:
    """Have FFmpeg leave out all streams but one. Of a playlist with several qualities it then fetches the segments of this one."""
    kinds = type(video.discard)
    for stream in container.streams:
        stream.discard = kinds.default if stream.index == video.index else kinds.all


def is_encrypted(packet: Packet[VideoStream]) -> bool:
    """Return whether the container says that a packet's bytes are encrypted."""
    return has_sides(packet) and packet.has_sidedata("encryption_info")


def has_sides(packet: Packet[VideoStream]) -> bool:
    """Return whether a packet has side data of any kind. To ask for one kind costs six times as much."""
    return next(packet.iter_sidedata(), None) is not None


def trimmed_of(container: InputContainer, video: VideoStream) -> int:
    """Return how many pictures an mp4 or mov has of which FFmpeg gives no packet, since an edit list cuts them away, as where a
    phone trims a film without encoding it anew."""
    entries = len(video.index_entries) if dates_packets(container) else 0
    return max(0, video.frames - entries) if entries else 0


def announced_end_us(container: InputContainer, video: VideoStream) -> int:
    """Return where a film's video ends by what its file says at the beginning, in microseconds of its own time stamps; 0 where that
    is not known of the video itself. Matroska writes it beside the streams, or once for all of them."""
    if (told := _told_us(video.metadata.get("DURATION", ""))) is not None:
        return told
    alone = len(container.streams) == 1 and "matroska" in container.format.name
    return (container.duration or 0) if alone else 0


def _told_us(text: str) -> int | None:
    """Return a time as Matroska's tags have it, 00:01:02.500000000; None if it is none."""
    found = re.fullmatch(r"([0-9]{1,4}):([0-9]{2}):([0-9]{2}(?:\.[0-9]{1,9})?)", text)
    return None if found is None else round((int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])) * 1_000_000)


def rate_of(video: VideoStream) -> float:
    """Return a film's pictures per second, 0.001–1000; 25 where it does not tell."""
    rate = float(video.average_rate or video.guessed_rate or _DEFAULT_RATE)
    return rate if 0.001 <= rate <= 1000 else _DEFAULT_RATE


def lacks_memory(error: Exception) -> bool:
    """Return whether memory ran out here. FFmpeg says the same of a hostile file that claims tables larger than all memory: then
    there is still some to be had, and the file is at fault."""
    if not is_out_of_memory(error):
        return False
    try:
        bytearray(_ROOM)
    except MemoryError:
        return True
    return not isinstance(error, FFmpegError)


def reason_of(error: Exception) -> str:
    """Return FFmpeg's words for an error, or the error's own."""
    return getattr(error, "strerror", None) or str(error)
