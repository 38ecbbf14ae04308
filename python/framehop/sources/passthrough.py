"""Video files whose H.264 or H.265 goes into the log as it is, an access unit per frame, undecoded. Needs the extra `video`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from framehop.content import VideoCodec
from framehop.errors import SourceError
from framehop.protocols import Picture
from framehop.sources.container import (
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
from framehop.sources.film_file import FilmFile
from framehop.sources.raster import MAX_PIXELS
from framehop.sources.unit import Unit
from framehop.sources.units import Units

CODECS: dict[str, VideoCodec] = {"h264": "h264", "hevc": "h265"}
_LOOK = 300  # packets from which the order on the screen is learned: more than a group of pictures of most cameras
_MAX_REORDER_US = 10_000_000
# Packets at a file's start without a decoding time: as many as pictures may be out of order, and more.
_MAX_UNDATED = 32

_Packet: TypeAlias = "Packet[VideoStream]"  # no generic at run time
_Stamps = tuple[int | None, int | None]  # on the screen, and when to decode


class PassedVideo(FilmFile):
    """One video file: every access unit of its first video stream, in the order of the file and in Annex B form, and with parameter
    sets in front of every key frame.

    A picture's time is its own, so with B-frames the times of consecutive units go up and down; they never lie after the moment at
    which the unit is due. How the pictures are to be turned goes along in the content type, as Exif has it. Pictures that a file
    announces and lacks are left out, as by VideoSource.
    """

    def __init__(self, path: Path, *, stream: str, max_pixels: int = MAX_PIXELS) -> None:
        """Read enough to tell codec, rate and order. Raises SourceError if the file cannot be passed through; see `obstacle`."""
        super().__init__(path, stream=stream, query="codec=copy", max_pixels=max_pixels)
        with self._opened() as container:
            video = container.streams.video[0]
            if why := _obstacle_in(container, video):
                raise SourceError(f"{path} cannot go into the log as it is: {why}")
            self._codec = CODECS[video.codec_context.name]
            self.rate = rate_of(video)
            self._announced = video.frames
            self.length_us = max(container.duration or 0, round(self._announced / self.rate * 1_000_000))
            self._size = (video.codec_context.width, video.codec_context.height)
        with self._opened() as container:
            self._delay_us = self._reorder_us(container, container.streams.video[0])
        self._orientation = orientation_of(path, max_pixels=max_pixels)
        self.count = (self._announced // (2 if self._has_fields() else 1)) or None

    @property
    def content_type(self) -> str:
        """The content type of each frame, with the orientation if pictures are to be turned."""
        return content_type_of(self._codec, self._orientation)

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        """Yield access units, always read from the file's start, so that a seq is the same unit every time."""
        self._tally.clear()
        with self._opened() as container:
            for seq, ((due_us, media_us), unit) in enumerate(self._units(container, container.streams.video[0])):
                if seq >= start_seq:
                    yield self._picture(unit, due_us, media_us)

    def _units(self, container: InputContainer, video: VideoStream) -> Iterator[tuple[tuple[int, int], Unit]]:
        """Yield units with their times. At the end, count those that the container's index announces and that never came."""
        clock = _Times(Timeline(_base(video), round(1_000_000 / self.rate)), self._delay_us)
        units = Units[_Stamps](self._codec, video, self._name)
        seen = 0
        for packet, dts in _dated(video, self._packets(container, video), self.rate):
            seen += 1
            for stamps, unit in units.take(packet, (packet.pts, dts)):
                yield clock.place(*stamps), unit
        for stamps, unit in units.rest():
            yield clock.place(*stamps), unit
        self._over(self._announced, seen)

    def _has_fields(self) -> bool:
        """Return whether the first picture comes as two fields, by which the container then counts."""
        with self._opened() as container:
            video = container.streams.video[0]
            units = Units[None](self._codec, video, "")
            packets = list(islice(_with_bytes(packets_of(container, video, self._path)), 2))
            return (
                len(packets) == 2
                and len([*(unit for packet in packets for unit in units.take(packet, None)), *units.rest()]) == 1
            )

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

    def _reorder_us(self, container: InputContainer, video: VideoStream) -> int:
        """Return how long after a unit's turn in the file its picture may be shown."""
        found = [
            (packet.pts - dts) * _base(video)
            for packet, dts in islice(_dated(video, packets_of(container, video, self._path), self.rate), _LOOK)
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
        if all(pts is not None for pts, _ in _first_units(container, video)):
            return ""
    except FFmpegError as error:
        return reason_of(error)
    return "it has no time stamps, which a container such as mp4 would give it"


def _first_units(container: InputContainer, video: VideoStream) -> Iterator[tuple[int | None, Unit]]:
    """Yield the first units with their times on the screen. A second field needs none."""
    units = Units[int | None](CODECS[video.codec_context.name], video, "")
    for packet in islice(container.demux(video), _LOOK):
        if packet.size:
            yield from units.take(packet, packet.pts)
    yield from units.rest()


def content_type_of(codec: VideoCodec, orientation: int) -> str:
    """Return the content type of access units whose pictures are to be turned as Exif's `orientation` says."""
    return f"video/{codec}" + (f";orientation={orientation}" if orientation != 1 else "")


def _base(video: VideoStream) -> Fraction:
    return video.time_base or Fraction(1, 1000)


def _dated(video: VideoStream, packets: Iterable[_Packet], rate: float) -> Iterator[tuple[_Packet, int | None]]:
    """Yield packets that hold something with their decoding times. Matroska has none for the first few of a film with B-frames;
    they are what the first one that is known and the rate say."""
    period = round(Fraction(1 / rate) / _base(video))
    waiting: list[_Packet] = []
    for packet in _with_bytes(packets):
        if packet.dts is None and len(waiting) < _MAX_UNDATED:
            waiting.append(packet)
            continue
        yield from _filled(waiting, packet.dts, period)
        waiting = []
        yield packet, packet.dts
    yield from _filled(waiting, None, period)


def _with_bytes(packets: Iterable[_Packet]) -> Iterator[_Packet]:
    """Yield packets, but not the empty one with which FFmpeg ends a film."""
    return (packet for packet in packets if packet.size)


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
