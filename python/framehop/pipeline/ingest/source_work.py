"""The life of one source in an ingest process: it is opened and read, then its stream is given up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

import msgspec

from framehop.errors import FramehopError, LogError, is_out_of_memory
from framehop.pipeline.ingest.feed import SourceFeed
from framehop.pipeline.ingest.live_feed import feed_of
from framehop.pipeline.ingest.pacing import Clock, StopEvent, parse_rate
from framehop.pipeline.ingest.stream_summary import StreamProgress
from framehop.pipeline.processes.source_messages import Phase, SourceHealth, SourceNews, SourceOrder
from framehop.protocols import FrameWriter, Source
from framehop.sources import SourceOptions, SourceSpec, hide_credentials, without_secrets
from framehop.sources.identity import shown
from framehop.timing import now_us

logger = logging.getLogger(__name__)

SETTLE_S = 0.5  # the longest that waiting for acknowledgements may overlook `give_up`
MAX_ERROR = 1000  # bytes; messages between processes are bounded


class SourceWork:
    """Runs one source in a thread of its own. Its error is in `news`, so that the others go on; only a lack of memory is in
    `failure`, since that is not its fault. Thread-safe."""

    def __init__(
        self,
        order: SourceOrder,
        writer: Future[FrameWriter],
        on_change: Callable[[], None],
        *,
        source: Source | None,
        holds: bool,
        again: bool,
        clock: Clock,
        stop: StopEvent,
    ) -> None:
        """`writer`: may come later. `on_change` is called from the thread, when the phase has changed or the thread ends. `source`:
        it, if it is open already. `holds`: whether to keep the stream at the source's end until told to leave or hand over.
        `again`: this process has read by the same order before, and given it up."""
        self.order = order
        self._writer = writer
        self._on_change = on_change
        self._source = source
        self._clock = clock
        self._stop = stop
        self._give_up = threading.Event()
        self._go_on = threading.Event()  # to do what comes after the reading
        self._settles = True
        if not holds:
            self._go_on.set()
        # A source that is held is read anew although its last pass was finished, unless this process has read it by the same order.
        self._run_since_us = order.since_us if again or not holds else None
        self._read_over = False
        self.failure: Exception | None = None
        self._feed: SourceFeed | None = None
        self._phase: Phase = "opening"
        self._error = ""
        self._phase_since_us = now_us()
        self.thread = threading.Thread(target=self._run, name=f"ingest-{order.stream}", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Stop reading. What was read still goes into the log, and the next ingest of an unfinished source goes on from there."""
        self._stop.set()

    def leave(self) -> None:
        """Stop reading, and give the stream up once what was read is in the log."""
        self._stop.set()
        self._go_on.set()

    def hand_over(self) -> None:
        """Stop reading, and leave the stream to the caller, who calls `finish` and `confirm` once the thread has ended. A source
        that gives up its stream already goes on with that."""
        self._stop.set()
        if not self._go_on.is_set():
            self._settles = False
            self._go_on.set()

    def give_up(self) -> None:
        """Stop reading, and do not wait for acknowledgements."""
        self._stop.set()
        self._give_up.set()

    @property
    def reading(self) -> bool:
        """Whether more frames may come from it."""
        return self.alive and not self._read_over

    @property
    def feed(self) -> SourceFeed | None:
        """The feed that reads the source; None before it is open."""
        return self._feed

    @property
    def error(self) -> str:
        return self._error

    @property
    def alive(self) -> bool:
        return self.thread.is_alive()

    @property
    def acked(self) -> int:
        return self._feed.acked if self._feed else 0

    def news(self) -> SourceNews:
        feed, phase, error = self._feed, self._phase, self._error
        health = SourceHealth(phase_since_us=self._phase_since_us)
        if feed is not None:
            health = feed.vitals.health()
            if phase == "opening" and self._held_at_its_end:
                phase = "ended" if feed.acked == feed.appended else "running"
            elif phase == "opening":
                phase, error = feed.vitals.phase, feed.vitals.error
            else:
                health = msgspec.structs.replace(health, phase_since_us=self._phase_since_us, next_try_us=0)
        return SourceNews(
            stream=self.order.stream,
            since_us=self.order.since_us,
            phase=phase,
            appended=feed.appended if feed else 0,
            acked=feed.acked if feed else 0,
            error=_short(error),
            health=health,
        )

    def progress(self, fps: float) -> StreamProgress:
        """Return how far it is, of which `fps` is the pace."""
        if self._feed is None:
            return StreamProgress(stream=self.order.stream, appended=0, acked=0, total=None, fps=0.0, error=self._error)
        return self._feed.progress(fps)

    @property
    def _held_at_its_end(self) -> bool:
        return self._feed is not None and self._feed.ended and not self._go_on.is_set()

    def _enter(self, phase: Phase, error: str = "") -> None:
        self._phase, self._error, self._phase_since_us = phase, error, now_us()

    # ---- the thread

    def _run(self) -> None:
        if self._writer.exception() is not None:
            return  # SourceDesk.care raises this error
        writer = self._writer.result()
        try:
            self._read(writer)
        except Exception as error:
            if is_out_of_memory(error):
                self.failure = error
                return
            if not isinstance(error, FramehopError):
                logger.error("source %s failed", without_secrets(self.order.source), exc_info=error)
            self._fail(writer, str(error) if isinstance(error, FramehopError) else f"{type(error).__name__}: {error}")
        finally:
            self._read_over = True
            self._on_change()

    def _read(self, writer: FrameWriter) -> None:
        self._feed = feed = feed_of(
            self._source or self._open(),
            writer,
            rate=parse_rate(self.order.rate),
            loop=self.order.loop,
            clock=self._clock,
            stop=self._stop,
            run_since_us=self._run_since_us,
            labels=self.order.labels,
        )
        feed.run()
        if feed.error:
            self._fail(writer, feed.error)
        self._read_over = True
        self._on_change()
        self._go_on.wait()
        if self._settles:
            self._settle(feed, writer)

    def _open(self) -> Source:
        spec = SourceSpec(source=self.order.source, stream=self.order.stream)
        return spec.open(SourceOptions(codec=self.order.codec, stall_s=self.order.stall_s))

    def _fail(self, writer: FrameWriter, error: str) -> None:
        """Log and report the error at once, while other sources go on. An error of the log is not the source's fault: ignore it."""
        if self._phase == "failed" or not _works(writer):
            return
        self._enter("failed", hide_credentials(error, self.order.source))
        logger.error("stream %s: %s", self.order.stream, self._error)
        self._on_change()

    def _settle(self, feed: SourceFeed, writer: FrameWriter) -> None:
        """Wait until what was read is in the log, and give the stream up."""
        self.finish()
        while not writer.close_stream(self.order.stream, SETTLE_S):
            if self._give_up.is_set():
                logger.warning(
                    "stream %s: %d frames are not acknowledged; the next ingest of it finds out what became of them",
                    self.order.stream,
                    feed.appended - feed.acked,
                )
                return
        self.confirm(writer)

    # ---- after the reading, in the thread or by whoever it was handed over to

    def finish(self) -> None:
        """Mark a source that came to its end as finished in the log."""
        if self._feed is not None:
            self._feed.finish()

    def confirm(self, writer: FrameWriter) -> None:
        """Note what became of the source, once nothing of it is queued."""
        if self._feed is None:
            return
        self._feed.confirm()
        if self._feed.error:
            self._fail(writer, self._feed.error)
        elif self._feed.finished:
            self._enter("ended")


def _short(error: str) -> str:
    """Return an error as UTF-8 that fits, whatever names of files are in it."""
    text = "\n".join(shown(line) for line in error.split("\n"))
    return text.encode()[:MAX_ERROR].decode(errors="ignore")


def _works(writer: FrameWriter) -> bool:
    try:
        writer.flush(0.0)
    except LogError:
        return False
    return True
