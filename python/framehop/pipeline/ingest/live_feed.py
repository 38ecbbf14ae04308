"""Follows a source that may go away and come back. Each connection is an epoch of its own, and so is each change of what it
sends."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from framehop.errors import LogBusyError, LogFullError, LogUnavailableError, SourceAwayError
from framehop.pipeline.ingest.feed import SourceFeed
from framehop.pipeline.ingest.pacing import Clock, Rate, StopEvent
from framehop.pipeline.ingest.retrying import Retrying
from framehop.protocols import NO_LABELS, FrameWriter, LiveSource, Picture, Source
from framehop.types import StreamState

logger = logging.getLogger(__name__)

# What an administrator mends, or passes: no broker, a disk without room for the log or for ingest's own memory, a lock held.
_LOG_AWAY = (LogUnavailableError, LogFullError, LogBusyError)

EPOCH_LOOK_S = 0.25  # between two looks whether an epoch is in the log
SETTLED_S = 30.0  # after which it never will be: what is not acknowledged by then was refused


def feed_of(
    source: Source,
    writer: FrameWriter,
    *,
    rate: Rate,
    loop: int,
    clock: Clock,
    stop: StopEvent,
    run_since_us: int | None = None,
    labels: Mapping[str, str] = NO_LABELS,
) -> SourceFeed:
    """Return what reads `source`."""
    kind = LiveFeed if isinstance(source, LiveSource) else SourceFeed
    return kind(source, writer, rate=rate, loop=loop, clock=clock, stop=stop, run_since_us=run_since_us, labels=labels)


class LiveFeed(SourceFeed):
    """A SourceFeed that never gives up a source that is away. Frames that were not seen are not made up: the next epoch begins at a
    key frame."""

    waited_for = _LOG_AWAY

    def _passes(self, state: StreamState) -> bool:
        assert isinstance(self._source, LiveSource)
        retrying = Retrying(self.stream, self._clock)
        self._begin_epoch(state)
        while not self._stop.is_set():
            try:
                return self._follow(self._source, retrying)
            except SourceAwayError as error:
                wait_s = retrying.failed(error)
                self.vitals.away(str(error), self._clock.now_us() + round(wait_s * 1_000_000))
                self._stop.wait(wait_s)
        return False

    def _follow(self, source: LiveSource, retrying: Retrying) -> bool:
        """Append what one connection gives. Return True at the end of a recording, False when stopped."""
        for picture in source.follow(self._stop.is_set):
            if retrying.came():
                self.vitals.reconnected()  # until the picture is appended, `vitals.error` still says how the last epoch ended
            if not (self._in_epoch(picture) and self._due(picture) and self._append_picture(picture)):
                return False
        return not self._stop.is_set()

    def _in_epoch(self, picture: Picture) -> bool:
        """Begin a new epoch with a picture that needs one; False when stopped meanwhile."""
        if not picture.begins or self._last_seq is None:
            return True
        state = self._next_state()
        if state is None:
            return False
        self._begin_epoch(state)
        return True

    def _next_state(self) -> StreamState | None:
        """Return the state of the next epoch; None when stopped. A log that is away is waited for: the reader of the source holds
        back what comes, and counts what it cannot hold."""
        settled_at_s = self._clock.monotonic() + SETTLED_S
        while not self._stop.is_set():
            self._writer.flush(0.0)  # raises the reason when the log has failed for good
            if self.acked < self.appended and (self._writer.stalled or self._clock.monotonic() < settled_at_s):
                self._stop.wait(EPOCH_LOOK_S)
                continue
            try:
                return self._writer.next_pass(self.stream)
            except _LOG_AWAY as error:
                logger.info("stream %s: its next epoch waits: %s", self.stream, error)
                self._stop.wait(EPOCH_LOOK_S)
        return None

    def _begin_epoch(self, state: StreamState) -> None:
        self._state = state
        self._start_pass(state, self.vitals.error or "finished")

    def _append_picture(self, picture: Picture) -> bool:
        seq = 0 if self._last_seq is None else self._last_seq + 1
        return self._append(self._frame(picture, self._state, seq))

    def _due(self, picture: Picture) -> bool:
        """Wait for the moment of a recording's picture; False when stopped. A camera's picture is due when it comes."""
        return picture.due_us is None or self._pacer.wait(picture.due_us)
