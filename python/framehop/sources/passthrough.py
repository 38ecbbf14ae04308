"""Video files whose H.264 or H.265 goes into the log as it is, an access unit per frame, undecoded. Needs the extra `video`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from framehop._core import parameter_sets, read_access_unit
from framehop.account import LeftOut
from framehop.content import VideoCodec
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
    packets_of,
    rate_of,
    reason_of,
)
from framehop.sources.identity import shown, version_of
from framehop.sources.left_out import ABSENT, Tally
from framehop.sources.raster import MAX_PIXELS

CODECS: dict[str, VideoCodec] = {"h264": "h264", "hevc": "h265"}
_TO_ANNEX_B = {"h264": "h264_mp4toannexb", "h265": "hevc_mp4toannexb"}
_LOOK = 300  # packets from which the order on the screen is learned: more than a group of pictures of most cameras
_MAX_REORDER_US = 10_000_000
# Packets at a file's start without a decoding time: as many as pictures may be out of order, and more.
_MAX_UNDATED = 32

_Packet: TypeAlias = "Packet[VideoStream]"  # no generic at run time


class PassedVideo:
    """One video file: every access unit of its first video stream, in the order of the file and in Annex B form, and with parameter
    sets in front of every key frame.

    A picture's time is its own, so with B-frames the times of consecutive units go up and down; they never lie after the moment at
    which the unit is due. How the pictures are to be turned goes along in the content type, as Exif has it. Pictures that a file
    announces and lacks are left out, as by VideoSource.
    """

    finite = True

    def __init__(self, path: Path, *, stream: str, max_pixels: int = MAX_PIXELS) -> None:
        """Read enough to tell codec, rate and order. Raises SourceError if the file cannot be passed through; see `obstacle`."""
        self._path = path
        self._max_pixels = max_pixels
        self._tally = Tally()
        self.stream = stream
        self.uri = f"{path.absolute().as_uri()}?codec=copy"
        self.version = version_of(path)
        with open_video(path, max_pixels=max_pixels) as container:
            video = container.streams.video[0]
            if why := _obstacle_in(container, video):
                raise SourceError(f"{path} cannot go into the log as it is: {why}")
            self._codec = CODECS[video.codec_context.name]
            self.rate = rate_of(video)
            self.count = video.frames or None
            self.length_us = max(container.duration or 0, round((self.count or 0) / self.rate * 1_000_000))
            self._size = (video.codec_context.width, video.codec_context.height)
        with open_video(path, max_pixels=max_pixels) as container:
            self._delay_us = self._reorder_us(container, container.streams.video[0])
        self._orientation = orientation_of(path, max_pixels=max_pixels)

    @property
    def left_out(self) -> Sequence[LeftOut]:
        return self._tally.so_far

    @property
    def content_type(self) -> str:
        """The content type of each frame, with the orientation if pictures are to be turned."""
        return content_type_of(self._codec, self._orientation)

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        """Yield access units, always read from the file's start, so that a seq is the same unit every time."""
        self._tally.clear()
        with open_video(self._path, max_pixels=self._max_pixels) as container:
            video = container.streams.video[0]
            clock = _Times(Timeline(_base(video), round(1_000_000 / self.rate)), self._delay_us)
            units = Units(self._codec, video, shown(self._path.name))
            seq = -1
            for seq, (packet, dts) in enumerate(self._dated(container, video)):
                due_us, media_us = clock.place(packet.pts, dts)  # before the filter, which empties the packet
                unit = units.read(packet)
                if seq >= start_seq:
                    yield self._picture(unit, due_us, media_us)
        self._miss(seq + 1)

    def _miss(self, seen: int) -> None:
        """Count pictures that the container's index announces and that never came."""
        if (absent := (self.count or 0) - seen) > 0:
            self._tally.add(ABSENT, shown(self._path.name), absent)

    def _picture(self, unit: Unit, due_us: int, media_us: int) -> Picture:
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

    def _dated(self, container: InputContainer, video: VideoStream) -> Iterator[tuple[_Packet, int | None]]:
        """Yield packets with their decoding times. Matroska has none for the first few of a film with B-frames; they are what the
        first one that is known and the rate say."""
        period = round(Fraction(1 / self.rate) / _base(video))
        waiting: list[_Packet] = []
        for packet in self._packets(container, video):
            if packet.dts is None and len(waiting) < _MAX_UNDATED:
                waiting.append(packet)
                continue
            yield from _filled(waiting, packet.dts, period)
            waiting = []
            yield packet, packet.dts
        yield from _filled(waiting, None, period)

    def _packets(self, container: InputContainer, video: VideoStream) -> Iterator[_Packet]:
        return (packet for packet in packets_of(container, video, self._path) if packet.size)

    def _reorder_us(self, container: InputContainer, video: VideoStream) -> int:
        """Return how long after a unit's turn in the file its picture may be shown."""
        found = [
            (packet.pts - dts) * _base(video)
            for packet, dts in islice(self._dated(container, video), _LOOK)
            if packet.pts is not None and dts is not None
        ]
        return min(_MAX_REORDER_US, max(0, round(max(found, default=Fraction(0)) * 1_000_000)))


def obstacle(path: Path, *, max_pixels: int = MAX_PIXELS) -> str:
    """Return why a film cannot be passed through: its codec, or that it does not tell when its pictures are shown; empty if it can.
    Raises SourceError if the file is no video."""
    with open_video(path, max_pixels=max_pixels) as container:
        return _obstacle_in(container, container.streams.video[0])


def _obstacle_in(container: InputContainer, video: VideoStream) -> str:
    if video.codec_context.name not in CODECS:
        return f"it is encoded with {video.codec_context.name}, not H.264, H.265 or Motion JPEG"
    try:
        if all(packet.pts is not None for packet in islice(container.demux(video), _LOOK) if packet.size):
            return ""
    except FFmpegError as error:
        return reason_of(error)
    return "it has no time stamps, which a container such as mp4 would give it"


def content_type_of(codec: VideoCodec, orientation: int) -> str:
    """Return the content type of access units whose pictures are to be turned as Exif's `orientation` says."""
    return f"video/{codec}" + (f";orientation={orientation}" if orientation != 1 else "")


def _base(video: VideoStream) -> Fraction:
    return video.time_base or Fraction(1, 1000)


def _filled(packets: Sequence[_Packet], next_dts: int | None, period: int) -> Iterator[tuple[_Packet, int | None]]:
    for ahead, packet in zip(range(len(packets), 0, -1), packets, strict=True):
        yield packet, None if next_dts is None else next_dts - ahead * period


@dataclass(slots=True)
class _Times:
    """Places units: by their turn in the file, and by their turn on the screen, which is never later."""

    timeline: Timeline
    delay_us: int

    def place(self, pts: int | None, dts: int | None) -> tuple[int, int]:
        """Return (due_us, media_us): microseconds from the first unit's turn."""
        due_us = self.timeline.place(dts if dts is not None else pts)
        ahead_us = 0
        if pts is not None and dts is not None:
            ahead_us = round((pts - dts) * self.timeline.time_base * 1_000_000)
        return due_us, due_us + min(max(0, ahead_us), self.delay_us) - self.delay_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An access unit in Annex B form. `clean`: no picture that is shown before this key frame comes after it. `error`: why it is no
    access unit; the payload is then what came."""

    payload: bytes
    keyframe: bool = False
    clean: bool = False
    error: str = ""


@dataclass(slots=True)
class Units:
    """Turns packets into access units in Annex B form. A unit that is none becomes a frame with an error. `sets`: the parameter
    sets for key frames that have none."""

    codec: VideoCodec
    video: VideoStream
    name: str
    sets: bytes = b""
    _filter: BitStreamFilterContext = field(init=False)

    def __post_init__(self) -> None:
        self._filter = BitStreamFilterContext(_TO_ANNEX_B[self.codec], self.video)

    def read(self, packet: _Packet) -> Unit:
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
