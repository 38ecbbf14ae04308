"""A camera's own clock, as RTCP tells it, and whether it can be believed."""

from __future__ import annotations

import struct
from fractions import Fraction

from framehop.sources.container import microseconds

MAX_OFF_US = 24 * 3_600_000_000  # beyond this it was never set; a wrong time zone is less
MAX_JUMP_US = 2_000_000  # beyond this it was set meanwhile, or stands still; drift is far less
_SPAN_US = 60_000_000  # over which it is compared with the time stamps
_REFERENCE = struct.Struct("=q")  # the first field of FFmpeg's AVProducerReferenceTime: microseconds since 1970


def reference_us(side_data: bytes) -> int | None:
    """Return the time in a packet's side data `prft`; None where there is none."""
    return int(_REFERENCE.unpack_from(side_data)[0]) if len(side_data) >= _REFERENCE.size else None


def time_of_picture(told_us: int | None, steps: int, base: Fraction) -> int | None:
    """Return when a picture was captured by the camera's clock, microseconds since 1970; None if it tells nothing. `told_us`: when
    the packet was with which the picture came out of its decoder. `steps`: of `base` seconds from that packet's place to the
    picture's, which is most often 0, and below it where a decoder holds pictures back."""
    return told_us if told_us is None or not steps else told_us + microseconds(steps, base)


class CameraClock:
    """Judges the clock of one connection. What is found wrong is not believed again before the next connection. Use from one
    thread. `doubt`: why the clock is not believed; empty while nothing is wrong with it."""

    def __init__(self) -> None:
        self.doubt = ""
        self._since: tuple[int, int] | None = None  # an earlier time of the camera and the place on its timeline

    @property
    def believed(self) -> bool:
        """Whether the clock has told the time, and nothing is wrong with it."""
        return self._since is not None and not self.doubt

    def read(self, camera_us: int | None, pts_us: int | None, received_us: int) -> int | None:
        """Return when a picture was captured by the camera's clock, microseconds since 1970; None if that clock cannot be
        believed. `pts_us`: the picture's place on the timeline. `received_us`: when it came, by this host's clock."""
        if camera_us is None or pts_us is None or self.doubt:
            return None
        self.doubt = self._wrong(camera_us, pts_us, received_us)
        if self._since is None or pts_us - self._since[1] > _SPAN_US:
            self._since = camera_us, pts_us
        return None if self.doubt else camera_us

    def _wrong(self, camera_us: int, pts_us: int, received_us: int) -> str:
        if abs(camera_us - received_us) > MAX_OFF_US:
            days = (camera_us - received_us) / 86_400_000_000
            return f"is {abs(days):.0f} days {'ahead' if days > 0 else 'behind'}"
        if self._since is None:
            return ""
        jump_us = (camera_us - self._since[0]) - (pts_us - self._since[1])
        return f"jumped by {jump_us / 1_000_000:+.1f} s" if abs(jump_us) > MAX_JUMP_US else ""
