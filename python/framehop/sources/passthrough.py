"""Video files whose H.264 or H.265 goes into the log as it is, an access unit per frame, undecoded. Needs the extra `video`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Literal

from framehop._core import parameter_sets, read_access_unit
from framehop.account import LeftOut
from framehop.errors import CorruptPictureError, SourceError
from framehop.protocols import Picture
from framehop.sources.container import (
    BitStreamFilterContext,
    FFmpegError,
    InputContainer,
    Packet,
    Timeline,
    VideoStream,
    open_video,
    orientation_of,
    rate_of,
    reason_of,
)
from framehop.sources.identity import shown, version_of
from framehop.sources.left_out import Tally
from framehop.sources.raster import MAX_PIXELS

Codec = Literal["h264", "h265"]

CODECS: dict[str, Codec] = {"h264": "h264", "hevc": "h265"}
_TO_ANNEX_B = {"h264": "h264_mp4toannexb", "h265": "hevc_mp4toannexb"}
_LOOK = 300  # packets from which the order on the screen is learned: more than a group of pictures of most cameras
_MAX_REORDER_US = 10_000_000


class PassedVideo:
    """One video file: every access unit of its first video stream, in the order of the file and in Annex B form, and with parameter
    sets in front of every key frame.

    A picture's time is its own, so with B-frames the times of consecutive units go up and down; they never lie after the moment at
    which the unit is due. `orientation`: how the pictures are to be turned, as Exif has it; it goes along in the content type.
    """

    finite = True

    def __init__(self, path: Path, *, stream: str, max_pixels: int = MAX_PIXELS) -> None:
        """Raises SourceError if the file is no video, or its codec is not one of CODECS: look at `codec_of` first."""
        self._path = path
        self._max_pixels = max_pixels
        self._tally = Tally()
        self.stream = stream
        self.uri = f"{path.absolute().as_uri()}?codec=copy"
        self.version = version_of(path)
        with open_video(path, max_pixels=max_pixels) as container:
            video = container.streams.video[0]
            self.rate = rate_of(video)
            self.count = video.frames or None
            self._codec = CODECS[video.codec_context.name]
            self._size = (video.codec_context.width, video.codec_context.height)
            self._delay_us = self._reorder_us(container, video)
        self._orientation = orientation_of(path, max_pixels=max_pixels)

    @property
    def left_out(self) -> Sequence[LeftOut]:
        return self._tally.so_far

    @property
    def content_type(self) -> str:
        turned = f";orientation={self._orientation}" if self._orientation != 1 else ""
        return f"video/{self._codec}{turned}"

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        """Yield access units, always read from the file's start, so that a seq is the same unit every time."""
        self._tally.clear()
        with open_video(self._path, max_pixels=self._max_pixels) as container:
            video = container.streams.video[0]
            clock = _Times(Timeline(video.time_base or Fraction(1, 1000), round(1_000_000 / self.rate)), self._delay_us)
            units = _Units(self._codec, video, shown(self._path.name))
            for seq, packet in enumerate(self._packets(container, video)):
                due_us, media_us = clock.place(packet)  # before the filter, which empties the packet
                unit = units.read(packet)
                if seq >= start_seq:
                    yield self._picture(unit, due_us, media_us)

    def _picture(self, unit: _Unit, due_us: int, media_us: int) -> Picture:
        width, height = self._size if self._orientation < 5 else self._size[::-1]
        return Picture(
            payload=unit.payload,
            media_us=media_us,
            due_us=due_us,
            width=width,
            height=height,
            content_type=self.content_type,
            keyframe=unit.keyframe,
            error=unit.error,
        )

    def _packets(self, container: InputContainer, video: VideoStream) -> Iterator[Packet[VideoStream]]:
        packets = container.demux(video)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError as error:
                raise SourceError(f"{self._path} cannot be read any further: {reason_of(error)}") from error
            if packet is None:
                return
            if packet.size:
                yield packet

    def _reorder_us(self, container: InputContainer, video: VideoStream) -> int:
        """Return how long after a unit's turn in the file its picture may be shown."""
        base = video.time_base or Fraction(1, 1000)
        found = [
            (packet.pts - packet.dts) * base
            for packet in islice(self._packets(container, video), _LOOK)
            if packet.pts is not None and packet.dts is not None
        ]
        return min(_MAX_REORDER_US, max(0, round(max(found, default=Fraction(0)) * 1_000_000)))


@dataclass(slots=True)
class _Times:
    """Places units: by their turn in the file, and by their turn on the screen, which is never later."""

    timeline: Timeline
    delay_us: int

    def place(self, packet: Packet[VideoStream]) -> tuple[int, int]:
        """Return (due_us, media_us): microseconds from the first unit's turn."""
        due_us = self.timeline.place(packet.dts if packet.dts is not None else packet.pts)
        ahead_us = 0
        if packet.pts is not None and packet.dts is not None:
            ahead_us = round((packet.pts - packet.dts) * self.timeline.time_base * 1_000_000)
        return due_us, due_us + min(max(0, ahead_us), self.delay_us) - self.delay_us


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    payload: bytes
    keyframe: bool = False
    error: str = ""


@dataclass(slots=True)
class _Units:
    """Turns packets into access units in Annex B form. A unit that is none becomes a frame with an error."""

    codec: Codec
    video: VideoStream
    name: str
    _sets: bytes = b""
    _filter: BitStreamFilterContext = field(init=False)

    def __post_init__(self) -> None:
        self._filter = BitStreamFilterContext(_TO_ANNEX_B[self.codec], self.video)

    def read(self, packet: Packet[VideoStream]) -> _Unit:
        original = bytes(packet)
        try:
            data = b"".join(bytes(part) for part in self._filter.filter(packet))
            return self._read(data)
        except (FFmpegError, CorruptPictureError) as error:
            self._filter.flush()
            return _Unit(payload=original, error=f"corrupt_picture: {self.name}: {reason_of(error)}")

    def _read(self, data: bytes) -> _Unit:
        facts = read_access_unit(self.codec, data)
        if facts.parameter_sets:
            self._sets = parameter_sets(self.codec, data)
        elif facts.keyframe:
            data = self._sets + data
        return _Unit(payload=data, keyframe=facts.keyframe)
