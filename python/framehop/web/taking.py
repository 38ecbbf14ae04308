"""Hands the events of the log to those who keep them: the index, the live state, the clients that look."""

from __future__ import annotations

import logging

from framehop.errors import FramehopError, LogCorruptError, NotALogError
from framehop.timing import now_us
from framehop.types import EventRecord
from framehop.web.feed import Feed
from framehop.web.index import MAX_AGE_US, EventIndex
from framehop.web.live import LiveState

logger = logging.getLogger(__name__)


class Intake:
    """The Taker of the page. A fault of the index does not keep events from whoever looks at the newest ones."""

    def __init__(self, index: EventIndex, live: LiveState, feed: Feed) -> None:
        self._index, self._live, self._feed = index, live, feed
        self._expected = ""
        self.error = ""

    def begin(self) -> int:
        """Begin behind the index's newest event, which the log still has if it is the same log."""
        newest = self._newest()
        self._expected = newest[1] if newest else ""
        return newest[0] if newest else now_us() - MAX_AGE_US

    def _newest(self) -> tuple[int, str] | None:
        try:
            return self._index.newest()
        except FramehopError as error:
            self._failed(error)
            return None

    def take(self, records: list[EventRecord]) -> None:
        self._feed.publish(self._live.note(records))
        if self._expected and any(record.event.event_id == self._expected for record in records):
            self._expected = ""
        try:
            self._index.add(records, now_us())
            self.error = ""
        except FramehopError as error:
            self._failed(error)

    def caught_up(self) -> bool:
        """Forget an index whose newest event was not found in the log: it is another log's. Its rows are not missed, since what
        retention has removed from the log cannot be looked at anyway."""
        if not self._expected:
            return True
        logger.info("the index is of another log, or of one that retention has emptied: it is made anew")
        self._expected = ""
        self._live.forget()
        self._index.clear()
        return False

    def _failed(self, error: FramehopError) -> None:
        """Note why the index has not taken events; make a damaged one anew."""
        if str(error) != self.error:
            logger.warning("the index of events cannot be kept: %s", error)
        self.error = f"the index of events cannot be kept: {error}"
        if isinstance(error, LogCorruptError | NotALogError):
            self._index.clear()
