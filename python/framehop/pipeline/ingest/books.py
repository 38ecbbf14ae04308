"""The books of one source in ingest: what it showed, what went into the log, what did not and why. The log keeps them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from framehop.account import IngestAccount, LeftOut
from framehop.errors import FramehopError
from framehop.pipeline.ingest.pacing import Clock
from framehop.protocols import FrameWriter, LeavesOut, Source
from framehop.types import Frame, StreamState

logger = logging.getLogger(__name__)

KEEP_S = 5.0  # the most of an account that a kill -9 may lose


class Books:
    """The books of a source's newest pass. Use from the feed's thread; the counters may be read from any."""

    def __init__(self, source: Source, writer: FrameWriter, clock: Clock) -> None:
        self._source = source
        self._writer = writer
        self._clock = clock
        self._state: StreamState | None = None
        self._begun_us = 0
        self._appended = 0
        self._keep_at_s = 0.0
        self._said: Sequence[LeftOut] = ()
        self._left_out_before: Sequence[LeftOut] = ()
        self._failed_before = 0  # in earlier passes
        self._failed = 0

    @property
    def before(self) -> int:
        """Number of frames that the pass had in the log when we began with it."""
        return self._state.next_seq if self._state else 0

    @property
    def failed(self) -> int:
        """Number of frames without pixels, in all passes."""
        return self._failed_before + self._failed

    @property
    def left_out(self) -> Sequence[LeftOut]:
        return self._source.left_out if isinstance(self._source, LeavesOut) else ()

    @property
    def left_out_count(self) -> int:
        return sum(left.count for left in self.left_out)

    def begin(self, state: StreamState, ended: str = "finished") -> None:
        """Begin another pass. `ended`: how the one before ended."""
        self._keep(ended)
        if not self._source.finite:
            self._left_out_before = self.left_out
        self._state = state
        self._begun_us = self._clock.now_us()
        self._failed_before, self._failed, self._appended = self.failed, 0, 0
        self._keep("")

    def count(self, frame: Frame) -> None:
        """Count a frame that was appended."""
        self._appended += 1
        self._failed += bool(frame.error)
        if self._clock.monotonic() >= self._keep_at_s:
            self._keep("")

    def say_left_out(self) -> None:
        """Log what was left out, unless the pass before said the same."""
        left_out = list(self.left_out)
        if left_out and left_out != self._said:
            logger.warning("stream %s: left out: %s", self._source.stream, "; ".join(map(str, left_out)))
        self._said = left_out

    def close(self, ended: str) -> None:
        """Keep the final account. `ended`: `finished`, `stopped` or an error."""
        self._keep(ended)

    def _keep(self, ended: str) -> None:
        if self._state is None:  # the stream was never opened
            return
        self._keep_at_s = self._clock.monotonic() + KEEP_S
        try:
            self._writer.keep_account(self._account(self._state, ended))
        except FramehopError as error:
            logger.warning("what became of %s is not remembered: %s", self._source.uri, error)

    def _account(self, state: StreamState, ended: str) -> IngestAccount:
        return IngestAccount(
            stream=state.stream,
            epoch=state.epoch,
            source=self._source.uri,
            begun_us=self._begun_us,
            kept_us=self._clock.now_us(),
            before=state.next_seq,
            appended=self._appended,
            failed=self._failed,
            left_out=tuple(self._left_out_now()),
            ended=ended,
        )

    def _left_out_now(self) -> Iterator[LeftOut]:
        """Iterate what was left out in this pass. A finite source counts anew in each pass, a live one goes on counting."""
        before = {left.reason: left.count for left in self._left_out_before}
        for left in self.left_out:
            if (count := left.count - before.get(left.reason, 0)) > 0:
                yield replace(left, count=count)
