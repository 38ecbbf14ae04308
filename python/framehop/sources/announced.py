"""Finds what the length of a film announces and its packets do not bring, as after a download that broke off."""

from __future__ import annotations

from dataclasses import dataclass

from framehop.sources.container import (
    InputContainer,
    Packet,
    VideoStream,
    announced_end_us,
    base_of,
    microseconds,
    rate_of,
)

NO_END = "an end that the film's length announces and the file does not have"
NO_PART = "a part that the playlist announces and that does not come"
# This much of a length may be missing: containers round it, and may not say how long the last picture lasts.
_SLACK_US, _SLACK = 250_000, 3
# A hole is a step to a key frame, with which a segment begins, of more than a second and of so many times the longest before it.
_HOLE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A part that does not come. `reason`: as in LeftOut. `seconds`: how long it lasts."""

    reason: str
    seconds: float


class AnnouncedLength:
    """Compares the length that a film announces with the packets of its video. A playlist announces the sum of its segments, of
    which any may be missing; another film announces an end. Use from one thread."""

    def __init__(self, container: InputContainer, video: VideoStream) -> None:
        self._container = container
        self._video = video
        self._is_playlist = container.format.name == "hls"
        self._rate = rate_of(video)
        self._base = base_of(video)
        self._end_us = 0
        self._dts: int | None = None  # of the packet before
        self._longest = 0  # step so far that was no hole
        self._came = 0  # steps of the time base

    def saw(self, packet: Packet[VideoStream]) -> None:
        """Note a packet of the video, before it is emptied."""
        if self._is_playlist:
            self._came += self._steps(packet, round(1 / self._base))
        elif packet.pts is not None:
            self._end_us = max(self._end_us, microseconds(packet.pts + (packet.duration or 0), self._base))

    def _steps(self, packet: Packet[VideoStream], second: int) -> int:
        """Return the time from the packet before to this one, in steps of the time base, of which `second` are a second. Where the
        time stamps have a hole or begin anew it is one period."""
        period = packet.duration or round(second / self._rate)
        before, self._dts = self._dts, packet.dts
        if before is None or packet.dts is None:
            return period
        steps = packet.dts - before
        if steps < 0 or (packet.is_keyframe and steps > second and steps > _HOLE * self._longest > 0):
            return period
        self._longest = max(self._longest, steps)
        return steps

    def absent(self) -> Absent | None:
        """Return what has not come by the end of the film; None if nothing is known to be missing."""
        if self._is_playlist:
            absent_us = (self._container.duration or 0) - microseconds(self._came, self._base)
        else:
            absent_us = announced_end_us(self._container, self._video) - self._end_us
        period_us = max(1_000_000 / self._rate, microseconds(self._longest, self._base))
        if absent_us <= _SLACK_US + _SLACK * period_us:
            return None
        return Absent(reason=NO_PART if self._is_playlist else NO_END, seconds=absent_us / 1_000_000)
