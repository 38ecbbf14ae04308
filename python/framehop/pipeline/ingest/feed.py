"""Reads one source into the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import ClassVar

from framehop.account import versioned
from framehop.errors import FramehopError, LogError, LogFullError, SourceError, is_out_of_memory
from framehop.pipeline.ingest.books import Books
from framehop.pipeline.ingest.health import Vitals
from framehop.pipeline.ingest.pacing import Clock, Pacer, Rate, StopEvent
from framehop.pipeline.ingest.stamps import Stamps
from framehop.pipeline.ingest.stream_summary import StreamProgress, StreamSummary
from framehop.pipeline.trace_context import new_traceparent
from framehop.protocols import NO_LABELS, Ack, FrameWriter, ListedSource, Picture, Source, Versioned
from framehop.types import Frame, FrameKey, StreamState, check_stream

logger = logging.getLogger(__name__)

MAX_ERROR = 500  # characters of an event's reason
OPEN_AGAIN_S = 5.0  # between two tries to open the stream in a log that takes none; each waits for an answer by itself
APPEND_WAIT_S = 0.25  # the longest that a full queue may hide the stop signal


class SourceFeed:
    """Reads one source and appends its pictures. Call `run` in one thread; the counters may be read from any.

    `waited_for`: the errors of a log by which it takes no stream for now, which is no fault of the source.
    """

    waited_for: ClassVar[tuple[type[LogError], ...]] = (LogFullError,)

    def __init__(
        self,
        source: Source,
        writer: FrameWriter,
        *,
        rate: Rate,
        loop: int,
        clock: Clock,
        stop: StopEvent,
        run_since_us: int | None = None,
        labels: Mapping[str, str] = NO_LABELS,
    ) -> None:
        self._source = source
        self._writer = writer
        self._loop = loop
        self._clock = clock
        self._stop = stop
        self._run_since_us = run_since_us
        self._labels = labels
        self._pacer = Pacer(rate, source_rate=source.rate, clock=clock, stop=stop)
        self._stamps = Stamps(source, rate, clock)
        self._books = Books(source, writer, clock)
        self.vitals = Vitals(source, clock)
        self._epoch = 0
        self._first_seq: int | None = None
        self._last_seq: int | None = None
        self._begun = 0
        self._bytes = 0
        self._ended = False
        self.appended = 0
        self.acked = 0
        self.finished = False
        self.error = ""

    @property
    def stream(self) -> str:
        return self._source.stream

    @property
    def ended(self) -> bool:
        """Whether the source came to its end, whatever the log has of it yet."""
        return self._ended or self.finished

    def run(self) -> None:
        """Append every pass of the source. An error is kept in `error`, so that the other sources go on. Only a lack of memory is
        raised: that is not the source's fault, and the source is not done."""
        try:
            self._ended = self._passes_through()
        except Exception as error:
            if is_out_of_memory(error):
                raise
            self.error = self._what_went_wrong(error)
        finally:
            self._books.say_left_out()

    def _what_went_wrong(self, error: Exception) -> str:
        if isinstance(error, FramehopError):
            return str(error)
        logger.error("source %s failed", self._source.uri, exc_info=error)
        return f"{type(error).__name__}: {error}"

    def finish(self) -> None:
        """Mark a source that came to its end as finished in the log, so that the next ingest starts anew. Keep its last account.

        Call it only once every source of the run is done: an ingest process that is killed and started again with the same sources
        must not repeat those that ended before the others.
        """
        if self._ended:
            try:
                self._writer.finish_pass(self._source.stream)
                self.finished = True
            except FramehopError as error:
                self.error = str(error)
        self._books.close("finished" if self.finished else self.error or "stopped")

    def confirm(self) -> None:
        """Set `error` if frames were lost on the way. Call it once nothing is queued: what is unacknowledged then is lost."""
        if self.error or self.acked == self.appended:
            return
        self.finished = False
        self.error = f"{self.appended - self.acked} frames were not taken by the log"
        if self._ended:
            self.finish()  # sets a more exact error if the log has one

    def _passes_through(self) -> bool:
        check_stream(self.stream)
        state = self._open_stream()
        if state is None:
            return False
        if state.done:
            self.finished = True
            return False
        if state.replaced:
            logger.warning(
                "%s is another file than the one that was interrupted, or has another --codec: it begins anew as epoch %d, and the "
                "rest of the old pass never reaches the log",
                self._source.uri,
                state.epoch,
            )
        return self._passes(state)

    def _open_stream(self) -> StreamState | None:
        """Return where to begin; None when stopped before that was known."""
        while True:
            try:
                return self._opened()
            except self.waited_for as error:
                if not self.vitals.error:
                    logger.warning("stream %s waits for the log: %s", self.stream, error)
                self.vitals.away(str(error), self._clock.now_us() + round(OPEN_AGAIN_S * 1_000_000))
                if self._stop.wait(OPEN_AGAIN_S):
                    return None

    def _opened(self) -> StreamState:
        return self._writer.open_stream(
            self.stream,
            source=source_name(self._source),
            finite=self._source.finite,
            run_since_us=self._run_since_us,
            labels=self._labels,
        )

    def _passes(self, state: StreamState) -> bool:
        """Append pass after pass. Return True at the end of the last one, False when stopped."""
        while self._pass_through(state):
            if not self._source.finite:
                raise SourceError(f"{self._source.uri} ended, although it has no end; ingest it again to go on")
            if self._loop and state.pass_index + 1 >= self._loop:
                return True
            state = self._writer.next_pass(state.stream)
        return False

    def _pass_through(self, state: StreamState) -> bool:
        """Append one pass from `state` on. Return True at the source's end, False when stopped."""
        self._start_pass(state)
        for seq, picture in enumerate(self._pictures(state), state.next_seq):
            if not (
                self._pacer.wait(picture.media_us if picture.due_us is None else picture.due_us)
                and self._append(self._frame(picture, state, seq))
            ):
                return False
        if self._last_seq is None and state.next_seq == 0:
            raise SourceError(f"{self._source.uri} gave no pictures; check that it can be played")
        return True

    def _start_pass(self, state: StreamState, ended: str = "finished") -> None:
        self._epoch, self._first_seq, self._last_seq = state.epoch, None, None
        self._begun += 1
        self._pacer.start_pass()
        self._stamps.start_pass(state.epoch, self._pacer.behind_us)
        self._books.begin(state, ended)

    def _pictures(self, state: StreamState) -> Iterator[Picture]:
        if not isinstance(self._source, ListedSource):
            return self._source.pictures(state.next_seq)
        taken = self._writer.taken(state.stream) if state.next_seq else frozenset()
        return self._source.pictures_besides(taken, state.next_seq)

    def _frame(self, picture: Picture, state: StreamState, seq: int) -> Frame:
        captured_us, received_us = self._stamps.of(picture)
        return Frame(
            key=FrameKey(state.stream, state.epoch, seq),
            payload=picture.payload,
            captured_us=captured_us,
            received_us=received_us,
            clock=picture.clock,
            content_type=picture.content_type,
            keyframe=picture.keyframe,
            width=picture.width,
            height=picture.height,
            traceparent=new_traceparent(),
            error=_text(picture.error)[:MAX_ERROR],
            origin=_text(picture.origin),
        )

    def _append(self, frame: Frame) -> bool:
        while not self._writer.append(frame, self._on_ack, timeout_s=APPEND_WAIT_S):
            if self._stop.is_set():
                return False
        if self._first_seq is None:
            self._first_seq = frame.key.seq
        self._last_seq = frame.key.seq
        self._bytes += len(frame.payload)
        self.appended += 1
        self._books.count(frame)
        self.vitals.saw(frame)
        return True

    def _on_ack(self, _ack: Ack) -> None:
        self.acked += 1  # only ever from the writer's one thread

    def progress(self, fps: float) -> StreamProgress:
        return StreamProgress(
            stream=self._source.stream,
            appended=self.appended,
            acked=self.acked,
            total=self._source.count,
            fps=fps,
            error=self.error,
            before=self._books.before,
            failed=self._books.failed,
            left_out=self._books.left_out_count,
        )

    def summary(self) -> StreamSummary:
        acked = self.acked
        return StreamSummary(
            source=self._source.uri,
            seen=self.appended + self._books.left_out_count,
            frames=acked,
            in_doubt=self.appended - acked,
            failed=self._books.failed,
            left_out=tuple(self._books.left_out),
            before=self._books.before,
            bytes=self._bytes,
            epoch=self._epoch,
            first_seq=self._first_seq,
            last_seq=self._last_seq,
            passes=self._begun,
            finished=self.finished,
            error=self.error,
        )


def source_name(source: Source) -> str:
    """Return the name by which the log knows the source. It changes when the file behind the source is replaced."""
    return versioned(source.uri, source.version) if isinstance(source, Versioned) else source.uri


def _text(text: str) -> str:
    """Return `text` as one line of valid UTF-8, whatever bytes a file's name has."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
