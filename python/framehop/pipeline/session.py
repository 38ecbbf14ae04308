"""One supervisor in a thread of its own, from its start to whatever ended it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from framehop.pipeline import at_exit
from framehop.pipeline.stop import StopSignal
from framehop.pipeline.supervisor.status import Summary
from framehop.pipeline.supervisor.supervisor import Supervisor
from framehop.timing import Deadline

logger = logging.getLogger(__name__)

LOOK_S = 0.5


class Session:
    """Thread-safe. The thread outlives the processes it started, which the kernel would kill with it."""

    def __init__(self, supervisor: Supervisor, *, before_end: Callable[[], None]) -> None:
        """`before_end`: what is to be done first when the interpreter ends it."""
        self.supervisor = supervisor
        self.before_end = before_end
        self._stop = StopSignal()
        self._over = threading.Event()
        self._ended: Summary | BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="framehop-supervisor", daemon=True)

    def start(self) -> None:
        """Once."""
        at_exit.register(self)
        try:
            self._thread.start()
        except BaseException:
            at_exit.forget(self)
            raise

    def _run(self) -> None:
        try:
            self._ended = self.supervisor.run(self._stop)
        except BaseException as error:  # noqa: BLE001  handed to who waits
            self._ended = error
        finally:
            self._over.set()
            at_exit.forget(self)

    def request_stop(self, drain_s: float | None = None) -> None:
        """Drain, a second time end at once; does not wait. Safe in a signal handler."""
        self._stop.request(drain_s)

    @property
    def stop_requested(self) -> bool:
        return self._stop.requested

    @property
    def over(self) -> bool:
        return self._over.is_set()

    @property
    def is_current(self) -> bool:
        return threading.current_thread() is self._thread

    @property
    def failure(self) -> BaseException | None:
        """What ended it early, once it is over."""
        return self._ended if isinstance(self._ended, BaseException) else None

    @property
    def summary(self) -> Summary | None:
        """Once it is over and came to its end."""
        return self._ended if isinstance(self._ended, Summary) else None

    def join(self, timeout_s: float | None) -> bool:
        """Wait for its end; False when the time is up, or when it is its own thread that asks."""
        if self.is_current:
            return False
        deadline = Deadline.after(timeout_s) if timeout_s is not None else None
        # Not at a stretch: a signal that the kernel gives to another thread, as it may to a process that was stopped and has just
        # been continued, is handled once the main thread runs again.
        while not self._over.wait(LOOK_S if deadline is None else min(LOOK_S, deadline.remaining_s)):
            if deadline is not None and deadline.expired:
                return False
        return True
