"""The time of a stream as a tracker counts it: what passes between frames that were looked at, and no pause for more than a
second."""

from __future__ import annotations

from framehop.types import Event, parse_rfc3339

STEP_US = 1_000_000  # the most that one pause counts, however long nobody looked or however far a clock jumped
BACK_US = 2_000_000  # pictures of a film come out of order by less


class LookClock:
    """Counts microseconds from the first frame that was looked at. By a common clock all objects of a stream that is looked at
    every ten seconds would be lost between two looks; by this one an object may be missing in some of them."""

    def __init__(self) -> None:
        self.now_us = 0
        self._newest_us: int | None = None

    def at(self, moment_us: int) -> int:
        """Return the time of a frame that was looked at, by its `moment_us` since 1970, and go on to it. It is before `now_us` for
        one that is shown before an earlier frame of the film. A clock that was set back counts as a pause."""
        newest, self._newest_us = self._newest_us, moment_us
        if newest is None:
            return self.now_us
        step = moment_us - newest
        if -BACK_US <= step <= 0:
            self._newest_us = newest
            return self.now_us + step
        self.now_us += min(step, STEP_US) if step > 0 else STEP_US
        return self.now_us


def moment_of(event: Event) -> int:
    """Return the frame's time on a clock that no camera sets, microseconds since 1970; see `skipping.moment_us` of the worker."""
    return parse_rfc3339(event.captured_at if event.clock == "ingest" else event.received_at)
