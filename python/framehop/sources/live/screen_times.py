"""Capture times in the order of the screen, on which decoding after a crash depends, whatever clocks and time stamps do."""

from __future__ import annotations

from bisect import bisect_left, insort

_KEPT = 64  # pictures; decoders reorder 16 at most
_MAX_REORDER_US = 10_000_000  # a step back that is longer is a jump of the source's time stamps
_LONGEST_US = 1_000_000
_SHARE = 64  # of a step: what is left between two pictures whose times would collide


class ScreenTimes:
    """Places the pictures of one epoch. A picture that is the last on the screen so far has the time that the clock says, but never
    one before the picture ahead of it. A picture that comes late, as B-frames do, is placed between its neighbours on the screen.
    Two pictures have one time only where no room is left between them. Use from one thread."""

    def __init__(self) -> None:
        self._recent: list[tuple[int, int]] = []  # (place on the screen, capture time), both in microseconds and rising
        self.reordered = False  # whether a picture has come later than one that is shown after it
        self._shift_us = 0
        self._trimmed = False

    def place(self, pts_us: int | None, clock_us: int) -> int:
        """Return the capture time, microseconds since 1970. `pts_us`: the picture's place on the source's timeline, None if it has
        none. `clock_us`: when it was captured, by a clock that may jump."""
        if not self._recent:
            self._recent.append((pts_us or 0, clock_us))
            return clock_us
        pts_us = self._free(self._continued(pts_us))
        late = pts_us < self._recent[-1][0]
        captured_us = self._between(pts_us) if late else self._after(pts_us, clock_us)
        self.reordered |= late
        insort(self._recent, (pts_us, captured_us))
        if len(self._recent) > _KEPT:
            del self._recent[0]
            self._trimmed = True
        return captured_us

    def _continued(self, pts_us: int | None) -> int:
        """Return the place on a timeline that goes on where the source's own one jumps back."""
        newest_us = self._recent[-1][0]
        if pts_us is None:
            return newest_us + 1
        pts_us += self._shift_us
        lost = self._trimmed and pts_us < self._recent[0][0]
        if lost or pts_us < newest_us - _MAX_REORDER_US:
            self._shift_us += newest_us + 1 - pts_us
            return newest_us + 1
        return pts_us

    def _free(self, pts_us: int) -> int:
        """Return the first place that no picture has: of two with one time stamp the second comes later."""
        at = bisect_left(self._recent, (pts_us, 0))
        while at < len(self._recent) and self._recent[at][0] == pts_us:
            pts_us, at = pts_us + 1, at + 1
        return pts_us

    def _after(self, pts_us: int, clock_us: int) -> int:
        before_us, captured_us = self._recent[-1]
        least_us = 1 + min(pts_us - before_us, _LONGEST_US) // _SHARE
        return max(clock_us, captured_us + least_us)

    def _between(self, pts_us: int) -> int:
        at = bisect_left(self._recent, (pts_us, 0))
        after_us, after_captured_us = self._recent[at]
        if at == 0:  # it leads the epoch's key frame on the screen
            return after_captured_us - (after_us - pts_us)
        before_us, before_captured_us = self._recent[at - 1]
        span_us = after_captured_us - before_captured_us
        return before_captured_us + span_us * (pts_us - before_us) // (after_us - before_us)
