"""Follows the events of a log, through its absence too."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from framehop.errors import FramehopError, LogUnavailableError
from framehop.log import LogAt
from framehop.protocols import FrameLog
from framehop.types import EventRecord
from framehop.web.errors import ApiError

logger = logging.getLogger(__name__)

POLL_S = 0.25
BATCH = 256
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
FOLLOWER_CLOSE_S = 2.0
SILENT_S = 5.0  # a log that gives nothing for so long is asked whether it is there


class Taker(Protocol):
    """Takes what a log gives. Everything is called from one thread."""

    def begin(self) -> int:
        """Return since when events are wanted, microseconds since 1970 by the log's clock."""

    def take(self, records: list[EventRecord]) -> bool:
        """Take what comes next. Returns False if the log has to be read anew, from another `begin`."""

    def caught_up(self) -> bool:
        """Note that the end of the log is reached. Returns False as `take` does."""


class Follower:
    """A thread that reads a log's events and hands them on. While the log is away it looks again and again, ever more rarely."""

    def __init__(self, at: LogAt, taker: Taker) -> None:
        self._at, self._taker = at, taker
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._log: FrameLog | None = None
        self._error = f"{at.url} is being opened"
        self._catching_up = True
        self._opens = 0
        self._passed_over = 0
        self._thread = threading.Thread(target=self._run, name="framehop-ui-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def error(self) -> str:
        """The reason why the log cannot be read now; empty if it can."""
        return self._error

    @property
    def passed_over(self) -> int:
        """The number of events that could not be read since the start; one that was read again counts again."""
        return self._passed_over

    @property
    def catching_up(self) -> bool:
        """Whether there are events in the log that were not read yet."""
        return self._catching_up

    def log(self) -> FrameLog:
        """Return the open log. Raises ApiError with the reason when there is none."""
        with self._lock:
            if self._log is None:
                raise ApiError(503, f"the log cannot be read: {self._error}; it is tried again by itself")
            return self._log

    @property
    def opened(self) -> int:
        """The number of times that the log was opened. What was read before the last time may be of another log under its name."""
        return self._opens

    def close(self) -> None:
        """End the thread, but do not wait long for a broker that does not answer. Closing twice is harmless."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(FOLLOWER_CLOSE_S)

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stop.wait(0):
            began_s = time.monotonic()
            try:
                self._follow()
            except FramehopError as error:
                self._error = str(error)
            except Exception as error:  # the page says so, and the log is tried again
                logger.exception("reading %s failed", self._at.url)
                self._error = f"reading the log failed here: {error}; see the output of framehop"
            self._catching_up = True
            pause_s = (
                FIRST_PAUSE_S if time.monotonic() - began_s > LONGEST_PAUSE_S else min(2 * pause_s, LONGEST_PAUSE_S)
            )
            self._stop.wait(pause_s)

    def _follow(self) -> None:
        """Read until we are stopped, or the log has to be opened again. Raises LogError, as when another log has its place."""
        with self._at.open(create=False) as log, self._opened(log), log.events(since_us=self._taker.begin()) as reader:
            last_s, before = time.monotonic(), self._passed_over
            while not self._stop.is_set():
                self._passed_over = before + reader.passed_over
                # An empty poll means the end of the log only if it did not wait: a broker may need longer to answer first.
                if records := reader.poll(BATCH, 0.0 if self._catching_up else POLL_S):
                    if not self._taker.take(records):
                        return
                    last_s, self._error = time.monotonic(), ""
                elif not self._at_end():
                    return
                elif self._at.is_kafka and time.monotonic() - last_s > SILENT_S:
                    self._check_answers(log)
                    last_s = time.monotonic()

    def _at_end(self) -> bool:
        self._catching_up = False
        return self._taker.caught_up()

    def _check_answers(self, log: FrameLog) -> None:
        """Note whether a silent log still answers. Its client connects again by itself, so the reader stays."""
        try:
            log.end_offsets()
            self._error = ""
        except LogUnavailableError as error:
            self._error = str(error)

    @contextmanager
    def _opened(self, log: FrameLog) -> Iterator[None]:
        with self._lock:
            self._log, self._error = log, ""
            self._opens += 1
        try:
            yield
        finally:
            with self._lock:
                self._log = None
