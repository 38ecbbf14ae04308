"""The life of a pipeline in the process that made it: it starts once, runs, and ends once, whoever asks for that."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from framehop.budgets import AWAY_S, DRAIN_GRACE_S, PIPELINE_END_S
from framehop.errors import ClosedError, ProcessError
from framehop.forks import Home
from framehop.log import LogAt
from framehop.pipeline.callback import Callback, stuck
from framehop.pipeline.events import Events
from framehop.pipeline.pump import Pump
from framehop.pipeline.push import Pusher
from framehop.pipeline.status import PipelinePhase
from framehop.pipeline.supervisor_run import SupervisorRun
from framehop.timing import Deadline
from framehop.types import EventRecord

logger = logging.getLogger(__name__)

READY_POLL_S = 0.05
LOOK_S = 0.5


class _Awake:
    """A time to wait, of which only that counts in which this process was not frozen as a whole."""

    def __init__(self, left_s: float) -> None:
        self._left_s = left_s

    def wait(self, join: Callable[[float], bool]) -> bool:
        """Return whether `join`, which waits for as long as it is told to, comes true while time is left."""
        while True:
            began_s = time.monotonic()
            joined = join(min(LOOK_S, self._left_s))
            took_s = time.monotonic() - began_s
            if took_s <= AWAY_S:
                self._left_s = max(0.0, self._left_s - took_s)
            if joined or not self._left_s:
                return joined


class Lifetime:
    """The start and the end of one pipeline, what its callbacks do between them, and what may be asked of it when. Thread-safe.

    The checks raise ProcessError in a child that this process forks.
    """

    def __init__(
        self,
        at: LogAt,
        session: SupervisorRun,
        pusher: Pusher,
        *,
        lane: str,
        drain_s: float,
        create: bool,
        calls: Sequence[Callback[EventRecord]],
        waited_for: Sequence[Callback[Any]],
        events_from_start: bool,
    ) -> None:
        """Starts nothing yet. `drain_s`: of a stop that names none. `calls`: each gets every event from the start on, from a
        thread of its own. `waited_for`: the callbacks that the supervisor's thread makes. The rest: as for `Pipeline`."""
        self._home = Home()
        self._at, self._session, self._pusher = at, session, pusher
        self._lane, self._drain_s, self._create = lane, drain_s, create
        self._calls, self._waited_for, self._events_from_start = calls, waited_for, events_from_start
        self._lock = threading.Lock()
        self._first: Events | None = None
        self._pumps: list[Pump] = []
        self._begun = False
        self._stopped = False

    # ---- the start

    def start(self) -> None:
        """Do what `Pipeline.start` promises."""
        self.check_process()
        with self._lock:
            if self._stopped:
                raise ClosedError("this pipeline has been stopped: make a new Pipeline")
            if not self._begun:
                self._begin()
                self._begun = True

    def _begin(self) -> None:
        opened: list[Events] = []
        try:
            with self._at.open(create=self._create):
                opened.extend(self._make_events() for _ in range(len(self._calls) + self._events_from_start))
            self._session.start()
        except BaseException:
            for events in opened:
                events.close()
            raise
        self._first = opened.pop() if self._events_from_start else None
        for call, events in zip(self._calls, opened, strict=True):
            self._pumps.append(Pump(events, call, self._session.request_stop))

    def wait_ready(self, ready: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until `ready`; see `Pipeline.wait_ready`."""
        self.check_begun()
        deadline = Deadline.after(timeout_s)
        while not ready():
            if self._session.join(min(READY_POLL_S, deadline.remaining_s)):
                self.raise_failure()
                raise ClosedError("the pipeline has ended")
            if deadline.expired:
                return False
        return True

    # ---- events

    def _make_events(self) -> Events:
        session = self._session
        return Events(self._at, self._lane, over=lambda: session.over)

    def events(self, owner: object) -> Events:
        """Return the events for one who iterates, which keep `owner` alive; see `Pipeline.events`."""
        self.check_process()
        with self._lock:
            first, self._first = self._first, None
            if self._stopped and first is None:
                raise ClosedError("this pipeline has been stopped: make a new Pipeline")
        if first is None:
            self._make_log()
            first = self._make_events()
        return first.owned(owner, self.raise_failure)

    def _make_log(self) -> None:
        if self._create and not self._begun:
            self._at.open().close()

    # ---- the end

    def wait(self, timeout_s: float | None) -> bool:
        """Do what `Pipeline.wait` promises."""
        self.check_begun()
        deadline = Deadline.after(timeout_s) if timeout_s is not None else None
        ended = self._session.join(deadline.remaining_s if deadline else None) and all(
            pump.join(deadline.remaining_s if deadline else None) for pump in self._pumps
        )
        if ended:
            self.raise_failure()
        return ended

    def request_stop(self, drain_s: float | None) -> None:
        """Do what `Pipeline.request_stop` promises."""
        if not self.is_forked:
            self._session.request_stop(drain_s)

    def stop(self, drain_s: float | None) -> None:
        """Do what `Pipeline.stop` promises."""
        self.check_process()
        with self._lock:
            ask = not self._stopped and not self._session.stop_requested
            self._stopped = True
        if not self._begun:
            return
        try:
            self._pusher.close()
            if ask:
                self._session.request_stop(drain_s)
            if self._in_callback():
                return
            self._await_end(drain_s)
        except BaseException:
            self._session.request_stop(0.0)  # the wait was interrupted, so do not drain any longer
            self._session.join(PIPELINE_END_S)
            raise
        self.raise_failure()

    def _await_end(self, drain_s: float | None) -> None:
        awake = _Awake((self._drain_s if drain_s is None else drain_s) + DRAIN_GRACE_S + PIPELINE_END_S)
        if not awake.wait(self._session.join):
            why = stuck(self._waited_for) or "see its messages"
            raise ProcessError(f"the pipeline on {self._at.url} does not end: {why}")
        for pump, call in zip(self._pumps, self._calls, strict=True):
            if not awake.wait(pump.join):
                why = stuck([call]) or f"{call.name} still has events to take"
                logger.warning("the pipeline on %s has ended, but %s; it is left alone", self._at.url, why)
        if self._first is not None:
            self._first.close()
            self._first = None

    def _in_callback(self) -> bool:
        return self._session.is_current or any(pump.is_current for pump in self._pumps)

    def let_go(self) -> None:
        """Ask for the end of a pipeline that its program has dropped without a stop."""
        if not self._begun or self.is_forked or self._session.over:
            return
        if not self._session.stop_requested:
            logger.warning("the pipeline on %s was let go without stop(); it ends now", self._at.url)
            self._session.request_stop()

    # ---- what it is now

    @property
    def phase(self) -> PipelinePhase:
        if self._session.over:
            return "failed" if self._session.failure else "ended"
        if self._session.stop_requested:
            return "stopping"
        return "running" if self._begun else "new"

    @property
    def is_forked(self) -> bool:
        """Whether this is in a child of the process that made it."""
        return self._home.left

    def raise_failure(self) -> None:
        """Raise the error that ended the pipeline or a callback of it, if one did."""
        failures = [pump.failure for pump in self._pumps] + [self._session.failure]
        for failure in failures:
            if failure is not None:
                raise failure

    def check_process(self) -> None:
        self._home.check("this pipeline is")

    def check_open(self) -> None:
        """Raise ClosedError once it has ended or was asked to by `stop`."""
        self.check_process()
        if self._stopped or self._session.over:
            raise ClosedError("this pipeline has ended: make a new Pipeline")

    def check_begun(self) -> None:
        """Raise ClosedError unless it has been started."""
        self.check_process()
        if not self._begun:
            raise ClosedError("this pipeline has not been started: call start(), or use it in a with block")

    def check_not_over(self) -> None:
        """Raise ClosedError unless it has been started, and the error that ended it, or ClosedError, once it is over."""
        self.check_begun()
        if self._session.over:
            self.raise_failure()
            raise ClosedError("the pipeline has ended: make a new Pipeline")

    def check_running(self) -> None:
        """Raise the error that ended the pipeline, or ClosedError unless it runs and nobody has asked for its end."""
        self.check_begun()
        if self._session.over:
            self.raise_failure()
        if self._session.over or self._session.stop_requested:
            raise ClosedError("the pipeline has ended, or is just ending: make a new Pipeline")
