"""The pace at which pictures go into the log."""

from __future__ import annotations

import threading
import time
from typing import Literal, Protocol

from framehop.errors import ConfigError
from framehop.timing import now_us

Rate = float | Literal["realtime", "max"]


class StopEvent(Protocol):
    """The part of `threading.Event` that ingest uses."""

    def is_set(self) -> bool: ...
    def set(self) -> None: ...
    def wait(self, timeout: float | None = None) -> bool: ...


class Clock(Protocol):
    """A source of time. `monotonic`: seconds that only grow. `now_us`: wall clock, microseconds since 1970. `event`: an event whose
    waits go by this clock."""

    def monotonic(self) -> float: ...
    def now_us(self) -> int: ...
    def event(self) -> StopEvent: ...


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def now_us(self) -> int:
        return now_us()

    def event(self) -> StopEvent:
        return threading.Event()


class EitherEvent:
    """An event that is set when it is set itself, or when the `shared` one is. A wait ends at once only for its own: whoever sets
    the shared one sets this one soon after."""

    def __init__(self, own: StopEvent, shared: StopEvent) -> None:
        self._own, self._shared = own, shared

    def is_set(self) -> bool:
        return self._own.is_set() or self._shared.is_set()

    def set(self) -> None:
        self._own.set()

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set() or self._own.wait(timeout) or self._shared.is_set()


def parse_rate(text: str) -> Rate:
    """Parse `realtime`, `max`, or a number of pictures per second. Raises ConfigError."""
    if text == "realtime":
        return "realtime"
    if text == "max":
        return "max"
    try:
        rate = float(text)
    except ValueError as error:
        raise ConfigError(
            f"rate {text!r} is not understood; use realtime, max, or pictures per second, as in 12.5"
        ) from error
    return check_rate(rate)


def check_rate(rate: Rate) -> Rate:
    """Return `rate` if it can be kept, else raise ConfigError."""
    if isinstance(rate, str):
        return parse_rate(rate)
    if not 0.001 <= rate <= 100_000:
        raise ConfigError(f"rate {rate} is out of range; use 0.001 to 100000 pictures per second, realtime or max")
    return rate


def check_loop(loop: int) -> int:
    """Return `loop` if it is a number of passes, else raise ConfigError."""
    if loop < 0:
        raise ConfigError(f"loop {loop} is out of range; use 1 or more passes, or 0 for ever")
    return loop


class Pacer:
    """Holds one source to an absolute schedule: lateness is caught up and never adds up. Use from one thread."""

    def __init__(self, rate: Rate, *, source_rate: float, clock: Clock, stop: StopEvent) -> None:
        self._rate = rate
        self._period_s = 1 / (source_rate if isinstance(rate, str) else rate)
        self._clock = clock
        self._stop = stop
        self._due_s: float | None = None  # when the last picture was due
        self._media_us: int | None = None  # the last picture on the source's timeline; None at the start of a pass

    def start_pass(self) -> None:
        """Let the next picture begin a new timeline, one period after the last picture."""
        self._media_us = None

    @property
    def behind_us(self) -> int:
        """Microseconds that the first picture of this pass is late already."""
        if self._due_s is None or self._rate == "max":
            return 0
        return max(0, round((self._clock.monotonic() - self._due_s - self._period_s) * 1_000_000))

    def wait(self, media_us: int) -> bool:
        """Wait until the picture at `media_us` is due; False as soon as the stop signal is set."""
        if self._rate == "max":
            return not self._stop.is_set()
        now_s = self._clock.monotonic()
        self._due_s = now_s if self._due_s is None else self._due_s + self._step_s(media_us)
        self._media_us = media_us
        return not self._stop.wait(max(0.0, self._due_s - now_s))

    def _step_s(self, media_us: int) -> float:
        if self._rate != "realtime" or self._media_us is None:
            return self._period_s
        return max(0.0, (media_us - self._media_us) / 1_000_000)
