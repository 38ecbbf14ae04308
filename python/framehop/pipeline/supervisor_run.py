"""Runs one supervisor in a thread of its own, and keeps its result or the error that ended it."""

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


class SupervisorRun:
    """One run of a supervisor. Its thread outlives the processes it started, as the kernel kills them with it. Thread-safe."""

    def __init__(self, supervisor: Supervisor, *, before_end: Callable[[], None]) -> None:
        """`before_end`: called first when the interpreter exits while this runs."""
        self.supervisor = supervisor
        self.before_end = before_end
        self._stop = StopSignal()
        self._over = threading.Event()
        self._ended: Summary | BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="framehop-supervisor", daemon=True)

    def start(self) -> None:
        """Start the thread. To be called once."""
        at_exit.register(self)
        try:
            self._thread.start()
        except BaseException:
            at_exit.forget(self)
            raise

    def _run(self) -> None:
        try:
            self._ended = self.supervisor.run(self._stop)
        except BaseException as error:  # noqa: BLE001  the pipeline raises it
            self._ended = error
        finally:
            self._over.set()
            at_exit.forget(self)

    def request_stop(self, drain_s: float | None = None) -> None:
        """Ask for a drain or, the second time, for the end at once; does not wait. Safe in a signal handler."""
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
        """The error that ended the run early, once it is over."""
        return self._ended if isinstance(self._ended, BaseException) else None

    @property
    def summary(self) -> Summary | None:
        """The result of the run, once it is over without an error."""
        return self._ended if isinstance(self._ended, Summary) else None

    def join(self, timeout_s: float | None) -> bool:
        """Wait for the end of the run; False when the time is up, or when called from the run's own thread."""
        if self.is_current:
            return False
        deadline = Deadline.after(timeout_s) if timeout_s is not None else None
        # Wait in slices: Python handles a signal only once the main thread runs again, and the kernel may have given the signal to
        # another thread, as it does when a stopped process has just been continued.
        while not self._over.wait(LOOK_S if deadline is None else min(LOOK_S, deadline.remaining_s)):
            if deadline is not None and deadline.expired:
                return False
        return True
