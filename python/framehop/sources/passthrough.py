"""Video files whose H.264 or H.265 goes into the log as it is, an access unit per frame, undecoded. Needs the extra `video`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from framehop.content import VideoCodec
from framehop.protocols import Picture
from framehop.sources.container import (
    FFmpegError,
    InputContainer,
    Timeline,
    VideoStream,
    base_of,
    dates_packets,
    microseconds,
)
from framehop.sources.film_file import FilmFile
from framehop.sources.film_look import dated, look_at
from framehop.sources.raster import MAX_PIXELS
from framehop.sources.turning import orientation_of
from framehop.sources.unit import Unit
from framehop.sources.units import Units

_Stamps = tuple[int | None, int | None]  # on the screen, and when to decode


class PassedVideo(FilmFile):
    """One video file: every access unit of its first video stream, in the order of the file and in Annex B form, and with parameter
    sets in front of every key frame.

    A picture's time is its own, so with B-frames the times of consecutive units go up and down; they never lie after the moment at
    which the unit is due. How the pictures are to be turned goes along in the content type, as Exif has it. Pictures that a file
    announces and lacks are left out, as by VideoSource.
    """

    def __init__(self, path: Path, *, stream: str, max_pixels: int = MAX_PIXELS) -> None:
        """Read enough to tell codec, rate and order. Raises NotPassableError; SourceError if the file is no video."""
        super().__init__(path, stream=stream, query="codec=copy", max_pixels=max_pixels)
        with self._opened() as container:
            look = look_at(container, path)
            self._orientation = self._orientation_of(container)
            self._only_packets = dates_packets(container)
        self._codec, self._size, self._delay_us, self._announced = look.codec, look.size, look.delay_us, look.announced
        self.rate, self.length_us = look.rate, look.length_us
        self.count = (look.announced // (2 if look.fields else 1)) or None

    def _orientation_of(self, container: InputContainer) -> int:
        """Return how pictures are to be turned, by winding back a film of which something was read."""
        try:
            container.seek(0)
        except FFmpegError:  # not every format can
            with self._opened() as again:
                return orientation_of(again)
        return orientation_of(container)

    @property
    def content_type(self) -> str:
        """The content type of each frame, with the orientation if pictures are to be turned."""
        return content_type_of(self._codec, self._orientation)

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        """Yield access units, always read from the file's start, so that a seq is the same unit every time."""
        self._tally.clear()
        with self._opened(only_packets=self._only_packets) as container:
            for seq, ((due_us, media_us), unit) in enumerate(self._units(container, container.streams.video[0])):
                if seq >= start_seq:
                    yield self._picture(unit, due_us, media_us)

    def _units(self, container: InputContainer, video: VideoStream) -> Iterator[tuple[tuple[int, int], Unit]]:
        """Yield units with their times. At the end, count those that the container's index announces and that never came."""
        clock = _Times(Timeline(base_of(video), round(1_000_000 / self.rate)), self._delay_us)
        units = Units[_Stamps](self._codec, video, self._name)
        seen = 0
        for packet, dts in dated(video, self._packets(container, video), self.rate):
            seen += 1
            for stamps, unit in units.take(packet, (packet.pts, dts)):
                yield clock.place(*stamps), unit
        for stamps, unit in units.rest():
            yield clock.place(*stamps), unit
        self._over(self._announced, seen)

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


def content_type_of(codec: VideoCodec, orientation: int) -> str:
    """Return the content type of access units whose pictures are to be turned as Exif's `orientation` says."""
    return f"video/{codec}" + (f";orientation={orientation}" if orientation != 1 else "")


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
            ahead_us = microseconds(pts - dts, self.timeline.time_base)
        return due_us, due_us + min(max(0, ahead_us), self.delay_us) - self.delay_us
