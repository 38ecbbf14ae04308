"""Hands the events of the log to those who keep them: the index, the live state, the clients that look."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from framehop.errors import FramehopError
from framehop.timing import now_us
from framehop.types import EventRecord
from framehop.web.index import MAX_AGE_US, EventIndex
from framehop.web.live import LiveState

logger = logging.getLogger(__name__)

MAX_WAITING = 1024  # events that wait for an index that takes none now; more are read from the log again
RETRY_S = 5.0
LATE_US = 10_000_000  # an event of one partition may come so much later than one of another that the log took at the same time


class EventHandout:
    """The Taker of the page. A fault of the index does not keep events from whoever looks at the newest ones, and the index gets
    them as soon as it takes some again. `error`: why it takes none."""

    def __init__(self, index: EventIndex, live: LiveState, tell: Callable[[list[EventRecord]], None]) -> None:
        """`tell`: gets the events that are new to those who look."""
        self._index, self._live, self._tell_those_who_look = index, live, tell
        self._expected = ""
        self._waiting: list[EventRecord] = []
        self._left_out = False  # whether the index lacks events of the log: then it gets no others before them
        self._again_s = 0.0
        self._at_end = False  # what comes now is new
        self._told_us = self._until_us = 0  # when the log took the newest event of all, and before it was opened
        self.error = ""

    def begin(self) -> int:
        """Begin before the event to which the index has everything. The log still has that event if it is the same log."""
        self._until_us, self._at_end = self._told_us, False
        known = self._complete_to()
        self._expected = known[1] if known else ""
        return known[0] - LATE_US if known else now_us() - MAX_AGE_US

    def _complete_to(self) -> tuple[int, str] | None:
        try:
            return self._index.complete_to()
        except FramehopError as error:
            self._failed(error)
            return None

    def take(self, records: list[EventRecord]) -> bool:
        self._tell([record for record in records if record.appended_us > self._until_us])
        if self._expected and any(record.event.event_id == self._expected for record in records):
            self._expected = ""
        if not self._left_out:
            self._left_out = len(self._waiting) + len(records) > MAX_WAITING
            self._waiting += records[: MAX_WAITING - len(self._waiting)]
        self._write()
        return self._goes_on()

    def _tell(self, records: list[EventRecord]) -> None:
        self._tell_those_who_look(self._live.note(records, arriving=self._at_end))
        self._told_us = max([self._told_us, *(record.appended_us for record in records)])

    def _write(self) -> None:
        """Give the index what waits for it, unless it has just failed."""
        if time.monotonic() < self._again_s or not (self._waiting or self._index.damaged):
            return
        try:
            if self._index.damaged:
                self._begin_anew()
            self._index.add(self._waiting, now_us())
        except FramehopError as error:
            self._failed(error)
        else:
            self._waiting, self.error = [], ""

    def _begin_anew(self) -> None:
        """Empty the index, and have it filled from the log."""
        self._index.clear()
        self._waiting, self._left_out = [], True

    def caught_up(self) -> bool:
        """Forget an index whose newest event was not found in the log: it is another log's. Its rows are not missed, since what
        retention has removed from the log cannot be looked at anyway."""
        self._write()
        self._at_end, self._until_us = True, 0  # nothing that comes now was told, by whatever clock
        if self._expected:
            logger.info("the index is of another log, or of one that retention has emptied: it is made anew")
            self._expected = ""
            self._live.forget()
            self._told_us = 0
            self._begin_anew()
        elif not (self._waiting or self._left_out or self._index.damaged):
            self._note_complete()
        return self._goes_on()

    def _note_complete(self) -> None:
        try:
            self._index.mark_complete()
        except FramehopError as error:
            self._failed(error)

    def _goes_on(self) -> bool:
        """Return False when the index takes events again, and those that it lacks have to be read again."""
        if self._waiting or self._index.damaged or not self._left_out:
            return True
        self._left_out = False
        return False

    def _failed(self, error: FramehopError) -> None:
        """Note why the index has not taken events."""
        if str(error) not in self.error:
            logger.warning("the index of events cannot be kept: %s", error)
        self.error = f"the index of events cannot be kept: {error}"
        self._again_s = time.monotonic() + RETRY_S
