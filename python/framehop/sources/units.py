"""Access units in the form that goes into the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeAlias

from framehop._core import parameter_sets, read_access_unit
from framehop.content import VideoCodec
from framehop.errors import CorruptPictureError
from framehop.sources.container import BitStreamFilterContext, FFmpegError, Packet, VideoStream, reason_of
from framehop.sources.h264_fields import About, FieldPairs
from framehop.sources.unit import Unit

_TO_ANNEX_B = {"h264": "h264_mp4toannexb", "h265": "hevc_mp4toannexb"}

VideoPacket: TypeAlias = "Packet[VideoStream]"  # no generic at run time


@dataclass(slots=True)
class Units(Generic[About]):
    """Turns packets into access units in Annex B form, of which each holds a whole picture. A unit that is none becomes a frame
    with an error. `sets`: the parameter sets for key frames that have none."""

    codec: VideoCodec
    video: VideoStream
    name: str
    sets: bytes = b""
    _filter: BitStreamFilterContext = field(init=False)
    _pairs: FieldPairs[About] = field(init=False, default_factory=FieldPairs)

    def __post_init__(self) -> None:
        self._filter = BitStreamFilterContext(_TO_ANNEX_B[self.codec], self.video)

    def take(self, packet: VideoPacket, about: About) -> Iterator[tuple[About, Unit]]:
        """Yield what is complete with this packet, which the filter empties. `about`: what to give with its unit."""
        unit = self._of(packet)
        if self.codec == "h264":
            yield from self._pairs.take(about, unit)
        else:
            yield about, unit

    def rest(self) -> Iterator[tuple[About, Unit]]:
        """Yield what waits for the second half of a picture, which does not come."""
        return self._pairs.rest()

    def _of(self, packet: VideoPacket) -> Unit:
        original = bytes(packet)
        try:
            data = b"".join(bytes(part) for part in self._filter.filter(packet))
            return self._read(data)
        except (FFmpegError, CorruptPictureError) as error:
            self._filter.flush()
            return Unit(payload=original, error=f"corrupt_picture: {self.name}: {reason_of(error)}")

    def _read(self, data: bytes) -> Unit:
        facts = read_access_unit(self.codec, data)
        if facts.parameter_sets:
            self.sets = parameter_sets(self.codec, data)
        elif facts.keyframe:
            data = self.sets + data
        return Unit(payload=data, keyframe=facts.keyframe, clean=facts.clean)
