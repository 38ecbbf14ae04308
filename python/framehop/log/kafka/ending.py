"""The end of a consumer, and the waits that it cuts short."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from framehop.errors import ClosedError, LogUnavailableError
from framehop.forks import Home
from framehop.log.kafka.connection import RETRY_S

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Ending:
    """Tells all parts of a consumer that it is being closed, which happens once and is never taken back. Thread-safe."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._home = Home()

    @property
    def begun(self) -> bool:
        return self._event.is_set()

    def begin(self) -> bool:
        """Begin the end; False when it has begun before, and in a child that this process forks."""
        if self._event.is_set() or self._home.left:
            return False
        self._event.set()
        return True

    def check_open(self) -> None:
        """Raise ClosedError once the end has begun, and ProcessError in a child that this process forks."""
        self._home.check("this consumer of the log is")
        if self._event.is_set():
            raise ClosedError("this consumer of the log is closed")

    def patiently(self, action: Callable[[], T], default: T) -> T:
        """Repeat `action` until the broker answers; return `default` when closed meanwhile."""
        said = False
        while not self._event.is_set():
            try:
                return action()
            except LogUnavailableError as error:
                if not said:
                    logger.warning("%s; waiting", error)
                said = True
                self._event.wait(RETRY_S)
        return default
