"""Looks at something slow when somebody asks, in a thread of its own, and keeps what was seen."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from framehop.errors import FramehopError, text_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

SHARE = 0.2  # of its time that looking may take where nothing else is said: a slow look is made less often


@dataclass(frozen=True, slots=True, kw_only=True)
class LastLook(Generic[T]):
    """The value that was seen last. `age_s`: how long ago, None if nothing was seen yet. `error`: why the last look saw nothing.
    `pending`: whether a newer look has not ended yet."""

    value: T
    age_s: float | None
    error: str
    pending: bool = False


class Look(Generic[T]):
    """A value read by `read`, at most every `every_s`, and only after somebody has called `latest`. Thread-safe."""

    def __init__(
        self, name: str, read: Callable[[], T], first: T, *, every_s: float = 1.0, share: float = SHARE
    ) -> None:
        """Begin with `first`, and look at nothing yet. `share`: of the thread's time that `read` may take."""
        self._read, self._every_s, self._share = read, every_s, share
        self._changed = threading.Condition()
        self._wanted = self._closed = False
        self._value, self._error = first, ""
        self._at_s: float | None = None
        self._next_s = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def latest(self, patience_s: float = 0.0) -> LastLook[T]:
        """Return what was seen last. If it is old, have it looked at again, and wait up to `patience_s` for that."""
        with self._changed:
            if time.monotonic() >= self._next_s and not self._closed:
                self._wanted = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._wanted or self._closed, patience_s)
            age_s = None if self._at_s is None else time.monotonic() - self._at_s
            return LastLook(value=self._value, age_s=age_s, error=self._error, pending=self._wanted)

    def _run(self) -> None:
        while self._wait():
            began_s = time.monotonic()
            found, error = self._look()
            with self._changed:
                if found is not None:
                    self._value, self._at_s = found[0], time.monotonic()
                self._error, self._wanted = error, False
                took_s = time.monotonic() - began_s
                self._next_s = time.monotonic() + max(self._every_s, took_s * (1 / self._share - 1))
                self._changed.notify_all()

    def _look(self) -> tuple[tuple[T] | None, str]:
        try:
            return (self._read(),), ""
        except FramehopError as error:
            return None, str(error)
        except Exception as error:  # one fault must not end the thread, or nothing would be seen any more
            logger.exception("a look of %s failed", self._thread.name)
            return None, f"this failed here: {text_of(error)}; see the output of framehop"

    def _wait(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._closed)
            return not self._closed

    def close(self, wait_s: float = 0.0) -> None:
        """End the thread after the look that it is at, and wait up to `wait_s` for that. Closing twice is harmless."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(wait_s)
