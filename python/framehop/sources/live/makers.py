"""Turns the packets of a connection into what goes into the log: as they are where that can be, else as JPEGs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from framehop import _core
from framehop._core import encode_jpeg, parameter_sets
from framehop.content import VideoCodec
from framehop.errors import CorruptPictureError, SourceError
from framehop.protocols import NO_PICTURE
from framehop.sources.container import (
    FFmpegError,
    VideoFrame,
    VideoStream,
    codec_of,
    lacks_memory,
    reason_of,
    shape_in,
)
from framehop.sources.film import NO_DECODER, Codec
from framehop.sources.film_look import CODECS
from framehop.sources.jpegs import size_of, with_tables
from framehop.sources.left_out import TRIMMED
from framehop.sources.live.losses import Losses
from framehop.sources.passthrough import content_type_of
from framehop.sources.raster import JPEG_MAGIC, MAX_FILE_BYTES
from framehop.sources.turning import orientation_in
from framehop.sources.unit import Unit
from framehop.sources.units import Units, VideoPacket, bounded_sets, too_large
from framehop.sources.video import Upright

UNDECODED = "packets that cannot be decoded"
AS_JPEG = " as jpeg"  # behind the name of a codec that is decoded and encoded here
TOO_EARLY = "pictures before the first key frame of a connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The shape of pictures: when it changes, a new epoch begins. In pixels and pictures per second; 0 is unknown."""

    width: int = 0
    height: int = 0
    rate: float = 0.0


class Made(NamedTuple):
    """A picture for the log, without its times. `pts`: its place on the screen, in the stream's time base. `clean`: no picture that
    is shown before this key frame comes after it. `shows`: it holds a picture, or a part of one."""

    payload: bytes
    pts: int | None
    content_type: str = "image/jpeg"
    keyframe: bool = True
    clean: bool = True
    shape: Shape = Shape()
    error: str = ""
    shows: bool = True


class Maker(Protocol):
    """Turns packets into pictures. `codec`: what the source sends, for people. Use from one thread."""

    @property
    def codec(self) -> str: ...
    def make(self, packet: VideoPacket) -> Iterator[Made]: ...
    def rest(self) -> Iterator[Made]:
        """Yield the pictures that are held back, once no more packets come."""


def maker_for(video: VideoStream, codec: Codec, *, name: str, quality: int, losses: Losses) -> Maker:
    """Choose by what the stream is encoded with. Raises SourceError when `codec` is `copy` and that cannot be."""
    found = codec_of(video)
    if codec == "jpeg" and found != "mjpeg":
        return _Encoded(video, quality, name, losses)
    if found == "mjpeg":
        return _Jpegs(name)
    if found in CODECS and _core.VIDEO:
        return _Passed(video, CODECS[found], name)
    if codec == "copy":
        why = f"it sends {found}, not H.264, H.265 or Motion JPEG; use --codec auto"
        why = f"{NO_DECODER}; use --codec jpeg" if found in CODECS else why
        raise SourceError(f"{name} cannot go into the log as it is: {why}")
    return _Encoded(video, quality, name, losses)


class _Passed:
    """H.264 and H.265 as access units. The size is looked up when the parameter sets change."""

    def __init__(self, video: VideoStream, codec: VideoCodec, name: str) -> None:
        self.codec = codec
        self._ffmpeg_name = video.codec_context.name
        self._units = Units[int | None](codec, video, name, _sets_of(codec, video))
        self._sets = b""
        self._shape = Shape(width=video.codec_context.width, height=video.codec_context.height)
        self._orientation = 0  # not known yet
        self._content_type = content_type_of(codec, 1)

    def make(self, packet: VideoPacket) -> Iterator[Made]:
        if packet.is_keyframe and not self._orientation:
            self._orientation = orientation_in(packet)
            self._content_type = content_type_of(self.codec, self._orientation)
        for pts, unit in self._units.take(packet, packet.pts):
            yield self._made(pts, unit)

    def rest(self) -> Iterator[Made]:
        for pts, unit in self._units.rest():
            yield self._made(pts, unit)

    def _made(self, pts: int | None, unit: Unit) -> Made:
        if unit.keyframe:
            self._look(unit.payload)
        return Made(
            payload=unit.payload,
            pts=pts,
            content_type=self._content_type,
            keyframe=unit.keyframe,
            clean=unit.clean,
            shape=self._shape,
            error=unit.error,
            shows=unit.shows,
        )

    def _look(self, unit: bytes) -> None:
        sets = parameter_sets(self.codec, unit)
        if sets != self._sets:
            self._sets = sets
            width, height, rate = shape_in(self._ffmpeg_name, unit)
            width, height = (width, height) if self._orientation < 5 else (height, width)
            self._shape = Shape(width=width, height=height, rate=rate) if width else self._shape


def _sets_of(codec: VideoCodec, video: VideoStream) -> bytes:
    """Return the parameter sets that came with the description of the stream and not in it, as cameras may send them."""
    try:
        return bounded_sets(codec, video.codec_context.extradata or b"")
    except CorruptPictureError:  # most often in another form, from which the filter takes them
        return b""


class _Jpegs:
    """Motion JPEG, byte for byte."""

    codec = "mjpeg"

    def __init__(self, name: str) -> None:
        self._name = name

    def make(self, packet: VideoPacket) -> Iterator[Made]:
        if packet.size > MAX_FILE_BYTES:
            yield self._refused(b"", packet, too_large(self._name, packet.size))
            return
        payload = bytes(packet)
        if payload.startswith(JPEG_MAGIC):
            width, height = size_of(payload)
            yield Made(payload=with_tables(payload), pts=packet.pts, shape=Shape(width=width, height=height))
        elif payload:
            why = f"corrupt_picture: {self._name}: a picture does not begin as a JPEG does"
            yield self._refused(payload, packet, why)

    def _refused(self, payload: bytes, packet: VideoPacket, error: str) -> Made:
        return Made(payload=payload, pts=packet.pts, content_type=NO_PICTURE, keyframe=False, error=error)

    def rest(self) -> Iterator[Made]:
        return iter(())


class _Encoded:
    """Any other codec: decoded and encoded to JPEG here, which costs far more than passing it through."""

    def __init__(self, video: VideoStream, quality: int, name: str, losses: Losses) -> None:
        found = codec_of(video)
        self.codec = f"{CODECS.get(found, found)}{AS_JPEG}"
        self._quality = quality
        self._name = name
        self._losses = losses
        self._upright = Upright()
        self._begun = False
        self._decoder = video.codec_context

    def make(self, packet: VideoPacket) -> Iterator[Made]:
        self._begun |= packet.is_keyframe
        if not self._begun:  # some decoders would make grey pictures of it
            yield Made(payload=b"", pts=packet.pts, keyframe=False)  # which nobody takes before the first key frame
            return
        for frame in self._decoded(packet):
            yield self._picture(frame)

    def rest(self) -> Iterator[Made]:
        for frame in self._decoded(None) if self._begun else ():
            yield self._picture(frame)

    def _decoded(self, packet: VideoPacket | None) -> Sequence[VideoFrame]:
        """Return the pictures that come out with a packet, or at the end."""
        try:
            frames = self._decoder.decode(packet)
        except FFmpegError as error:
            if lacks_memory(error):
                raise
            self._losses.add(UNDECODED)
            return ()
        if packet is not None and packet.is_discard:  # others are decoded from it, and it is not shown
            self._losses.add(TRIMMED)
        return frames

    def _picture(self, frame: VideoFrame) -> Made:
        try:
            pixels = self._upright.pixels(frame)
            height, width = pixels.shape[:2]
            payload = encode_jpeg(pixels, quality=self._quality)
            return Made(payload=payload, pts=frame.pts, shape=Shape(width=width, height=height))
        except Exception as error:  # FFmpeg's scaler and PyAV may raise anything for a hostile stream
            if lacks_memory(error):
                raise
            why = f"corrupt_picture: {self._name}: {reason_of(error)}"
            return Made(payload=b"", pts=frame.pts, content_type=NO_PICTURE, error=why)
