"""Access units in the form that goes into the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeAlias

from framehop._core import parameter_sets, read_access_unit
from framehop.content import VideoCodec
from framehop.errors import CorruptPictureError, SourceError
from framehop.sources.container import BitStreamFilterContext, FFmpegError, Packet, VideoStream, reason_of
from framehop.sources.h264_fields import About, FieldPairs
from framehop.sources.raster import MAX_FILE_BYTES
from framehop.sources.unit import Unit

MOST_SETS = (
    1 << 16
)  # bytes of parameter sets, which may be put in front of every key frame; real ones have a few hundred
_OTHER: dict[VideoCodec, VideoCodec] = {"h264": "h265", "h265": "h264"}
_TO_ANNEX_B = {"h264": "h264_mp4toannexb", "h265": "hevc_mp4toannexb"}

VideoPacket: TypeAlias = "Packet[VideoStream]"  # no generic at run time


class CodecChangedError(SourceError):
    """A stream goes on in another codec, as a transport stream may. `now`: which."""

    def __init__(self, name: str, before: VideoCodec, now: VideoCodec) -> None:
        super().__init__(
            f"{name} goes on as {now} where it was {before}: cut it there, as with ffmpeg -ss and -t, and ingest the parts"
        )
        self.now = now


@dataclass(slots=True)
class Units(Generic[About]):
    """Turns packets into access units in Annex B form, of which each holds a whole picture. A unit that is none, or is larger than
    any picture, becomes a frame with an error. `sets`: the parameter sets for key frames that have none. What takes or reads raises
    CodecChangedError at the first parameter sets of the other codec."""

    codec: VideoCodec
    video: VideoStream
    name: str
    sets: bytes = b""
    _lost: bool = field(init=False, default=False)
    _filter: BitStreamFilterContext | None = field(init=False)  # None: the stream is in Annex B form
    _pairs: FieldPairs[About] = field(init=False, default_factory=FieldPairs)

    def __post_init__(self) -> None:
        described = self.video.codec_context.extradata or b""
        self._filter = None if _is_annex_b(described) else BitStreamFilterContext(_TO_ANNEX_B[self.codec], self.video)

    def take(self, packet: VideoPacket, about: About) -> Iterator[tuple[About, Unit]]:
        """Yield what is complete with this packet, which the filter empties. `about`: what to give with its unit."""
        unit = self._of(packet)
        if self.codec == "h265" or self._pairs.passes(unit):
            yield about, unit
        else:
            yield from self._pairs.take(about, unit)

    @property
    def may_be_fields(self) -> bool:
        """Whether a picture may come as two fields, as far as the key frames so far say."""
        return self._pairs.at_work

    @property
    def waits(self) -> bool:
        """Whether half of a picture waits for the other one."""
        return self._pairs.waits

    def rest(self) -> Iterator[tuple[About, Unit]]:
        """Yield what waits for the second half of a picture, which does not come."""
        return self._pairs.rest()

    def _of(self, packet: VideoPacket) -> Unit:
        if packet.size > MAX_FILE_BYTES:  # a log may refuse it, and with it all that follows
            return Unit(payload=b"", error=too_large(self.name, packet.size))
        original = bytes(packet)
        if self._lacks_part(packet):  # which a decoder of H.265 would not notice
            return Unit(payload=original, error=f"corrupt_picture: {self.name}: a part of it was lost on the way")
        try:
            return self._read(original if self._filter is None else _through(self._filter, packet))
        except (FFmpegError, CorruptPictureError) as error:
            if self._filter is not None:
                self._filter.flush()
            return Unit(payload=original, error=f"corrupt_picture: {self.name}: {reason_of(error)}")

    def _lacks_part(self, packet: VideoPacket) -> bool:
        """Return whether the container says that bytes were lost. Of a transport stream it says so one unit too early, since FFmpeg
        finds the end of a unit by the beginning of the next."""
        lacks, self._lost = packet.is_corrupt or self._lost, packet.is_corrupt
        return lacks

    def _read(self, data: bytes) -> Unit:
        facts = read_access_unit(self.codec, data)
        if facts.parameter_sets:
            self.sets = bounded_sets(self.codec, data)
        elif has_sets(other := _OTHER[self.codec], data):
            raise CodecChangedError(self.name, self.codec, other)
        elif facts.keyframe:
            data = self.sets + data
        return Unit(payload=data, keyframe=facts.keyframe, clean=facts.clean, shows=facts.has_picture)


def _is_annex_b(described: bytes) -> bool:
    """Return whether the units of a stream are in Annex B form, by its description: none, or parameter sets in that form."""
    return not described or described.startswith((b"\0\0\1", b"\0\0\0\1"))


def _through(filter_: BitStreamFilterContext, packet: VideoPacket) -> bytes:
    """Return what a filter makes of a packet, which it empties."""
    return b"".join([bytes(part) for part in filter_.filter(packet)])


def has_sets(codec: VideoCodec, data: bytes) -> bool:
    """Return whether a unit has all the parameter sets of a codec. A unit of the other codec never seems
    to have them: H.264's sets read as units of a layer that H.265 does not have, H.265's as kinds that H.264 leaves unspecified."""
    try:
        return read_access_unit(codec, data).parameter_sets
    except CorruptPictureError:
        return False


def bounded_sets(codec: VideoCodec, data: bytes) -> bytes:
    """Return the parameter sets of a unit. Raises CorruptPictureError for bytes that are no unit, and for too many of them."""
    sets = parameter_sets(codec, data)
    if len(sets) > MOST_SETS:
        raise CorruptPictureError(f"its parameter sets have {len(sets)} bytes, and {MOST_SETS} are allowed")
    return sets


def too_large(name: str, size: int) -> str:
    """Return the error of a frame whose picture has more bytes than any may have."""
    return f"picture_too_large: {name}: {size} bytes, and {MAX_FILE_BYTES} are allowed"
