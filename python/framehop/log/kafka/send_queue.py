"""The frames that a writer's clients have and the broker has not acknowledged."""

from __future__ import annotations

import threading
import time

from framehop.errors import ClosedError, FramehopError, LogError
from framehop.forks import HomeLock
from framehop.log.kafka.producers import TICK_S
from framehop.timing import Deadline
from framehop.types import FrameKey

SILENCE_S = 2.0  # a healthy broker acknowledges within milliseconds
FULL_S = 1.0  # who waits for room is told of it, and looks this often anyway


class SendQueue:
    """Counts those frames, bounds their bytes, and keeps the failure that ends the writer.

    It owns the writer's `lock`, which also guards the writer's streams. Hold it for every call; only `frames`
    and `silent_since_s` need none. In a child that this process forks it raises ProcessError.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.lock = HomeLock("this writer of the log is")
        self._limit = limit_bytes
        self._low = limit_bytes - limit_bytes // 8  # a full queue wakes its waiters here, not at every acknowledgement
        self._room = threading.Condition(self.lock.lock)
        self._quiet = threading.Condition(self.lock.lock)  # notified when a stream, or all of them, are acknowledged
        self._bytes = 0
        self._frames = 0
        self._waiting = 0  # threads that wait for room
        self._progress_s = time.monotonic()
        self._failure: FramehopError | None = None
        self._too_large: tuple[int, FrameKey, FramehopError] | None = None
        self._closed = False

    # ---- what is under way

    @property
    def frames(self) -> int:
        """The number of frames that the broker has not acknowledged."""
        return self._frames

    def add(self, size: int) -> None:
        """Count a frame of `size` bytes that goes to the client."""
        self._frames += 1
        self._bytes += size

    def take_back(self, size: int) -> None:
        """Take back a frame that the client has not taken after all."""
        self._frames -= 1
        self._bytes -= size

    def answered(self, size: int) -> None:
        """Take out a frame whose fate the broker has told."""
        self.take_back(size)
        self._progress_s = time.monotonic()

    @property
    def silent_since_s(self) -> float | None:
        """The moment of the monotonic clock since which nothing is acknowledged; None as long as that is nothing unusual."""
        if not self._frames or time.monotonic() - self._progress_s < SILENCE_S:
            return None
        return self._progress_s

    # ---- waits

    def wait_room(self, size: int, timeout_s: float | None) -> bool:
        """Wait for room for a frame; return whether there is any. Raises as `check` does."""
        deadline = Deadline.after(timeout_s) if timeout_s is not None else None
        self._waiting += 1
        try:
            # A thread that comes while others wait does not take their room.
            allowed = self._limit if self._waiting == 1 else self._low
            while self._frames and self._bytes + size > allowed:
                if deadline is not None and deadline.expired:
                    return False
                self._room.wait(FULL_S if deadline is None else min(FULL_S, deadline.remaining_s))
                self.check()
                allowed = self._low
            return True
        finally:
            self._waiting -= 1

    def wait_quiet(self, timeout_s: float) -> None:
        """Wait until acknowledgements are told, a moment has passed, or the time is up."""
        self._quiet.wait(min(TICK_S, timeout_s))

    def tell(self, *, quiet: bool) -> None:
        """Wake every waiter whose condition now holds. `quiet`: the stream concerned, if any, has everything acknowledged."""
        if not self._frames or self._bytes <= self._low or self._failure is not None:
            self._room.notify_all()
        if not self._frames or quiet or self._failure is not None:
            self._quiet.notify_all()

    # ---- the end

    def check(self) -> None:
        """Raise ClosedError after `close`, or the failure."""
        if self._closed:
            raise ClosedError("this writer of the log is closed")
        if self._failure is not None:
            raise self._failure

    @property
    def failed(self) -> bool:
        return self._failure is not None

    def fail(self, error: FramehopError) -> None:
        """End everything with `error`, unless something failed before."""
        self._failure = self._failure or error
        self._room.notify_all()
        self._quiet.notify_all()

    def refuse(self, size: int, key: FrameKey, error: FramehopError) -> None:
        """Note a frame of a batch that the broker has refused as too large."""
        if self._too_large is None or size > self._too_large[0]:
            self._too_large = size, key, error

    def refusal(self) -> FramehopError | None:
        """Return an error naming the largest frame of the refused batch. The client knew the topic's limit at its start, so the
        limit was lowered since."""
        if self._too_large is None:
            return None
        size, key, explained = self._too_large
        return LogError(
            f"frame {key}, of {size} bytes, or the frames sent along with it are more than the topic takes now: {explained}. "
            "Nothing behind it was written; the next start goes on with it, and heeds the limit"
        )

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> bool:
        """Take no more; False when it was closed before."""
        was, self._closed = self._closed, True
        self._room.notify_all()
        self._quiet.notify_all()
        return not was
