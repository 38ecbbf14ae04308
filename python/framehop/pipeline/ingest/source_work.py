"""The life of one source in an ingest process: it is opened and read, then its stream is given up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

import msgspec

from framehop.errors import FramehopError, LogError, is_out_of_memory
from framehop.pipeline.control import Phase, SourceHealth, SourceNews, SourceOrder
from framehop.pipeline.ingest.feed import Feed
from framehop.pipeline.ingest.live_feed import feed_of
from framehop.pipeline.ingest.pacing import SystemClock, parse_rate
from framehop.protocols import FrameWriter
from framehop.sources import SourceOptions, SourceSpec
from framehop.timing import now_us

logger = logging.getLogger(__name__)

SETTLE_S = 0.5  # the longest that waiting for acknowledgements may overlook `give_up`
MAX_ERROR = 1000  # characters; messages between processes are bounded


class SourceWork:
    """Runs one source in a thread of its own. Its error is in `news`, so that the others go on; only a lack of memory is raised in
    its thread. Thread-safe."""

    def __init__(self, order: SourceOrder, writer: Future[FrameWriter], on_change: Callable[[], None]) -> None:
        """`writer`: may come later. `on_change` is called from the thread, when the phase has changed or the thread ends."""
        self.order = order
        self._spec = SourceSpec(source=order.source, stream=order.stream)
        self._writer = writer
        self._on_change = on_change
        self._stop = threading.Event()
        self._give_up = threading.Event()
        self._feed: Feed | None = None
        self._phase: Phase = "opening"
        self._error = ""
        self._since_us = now_us()
        self.thread = threading.Thread(target=self._run, name=f"ingest-{order.stream}", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Stop reading. What was read still goes into the log, and the next ingest of an unfinished source goes on from there."""
        self._stop.set()

    def give_up(self) -> None:
        """Stop reading, and do not wait for acknowledgements."""
        self._stop.set()
        self._give_up.set()

    @property
    def alive(self) -> bool:
        return self.thread.is_alive()

    @property
    def acked(self) -> int:
        return self._feed.acked if self._feed else 0

    def news(self) -> SourceNews:
        feed, phase, error = self._feed, self._phase, self._error
        health = SourceHealth(phase_since_us=self._since_us)
        if feed is not None:
            health = feed.vitals.health()
            if phase == "opening":
                phase, error = feed.vitals.phase, feed.vitals.error
            else:
                health = msgspec.structs.replace(health, phase_since_us=self._since_us, next_try_us=0)
        return SourceNews(
            stream=self.order.stream,
            since_us=self.order.since_us,
            phase=phase,
            appended=feed.appended if feed else 0,
            acked=feed.acked if feed else 0,
            error=error[:MAX_ERROR],
            health=health,
        )

    def _turn(self, phase: Phase, error: str = "") -> None:
        self._phase, self._error, self._since_us = phase, error, now_us()

    # ---- the thread

    def _run(self) -> None:
        if self._writer.exception() is not None:
            return  # SourceDesk.care raises this error
        writer = self._writer.result()
        try:
            self._read(writer)
        except FramehopError as error:
            self._fail(writer, str(error))
        except Exception as error:
            if is_out_of_memory(error):
                raise
            logger.error("source %s failed", self._spec.shown, exc_info=error)
            self._fail(writer, f"{type(error).__name__}: {error}")
        finally:
            self._on_change()

    def _read(self, writer: FrameWriter) -> None:
        options = SourceOptions(codec=self.order.codec)
        source = self._spec.open(options)
        self._feed = feed_of(
            source,
            writer,
            rate=parse_rate(self.order.rate),
            loop=self.order.loop,
            clock=SystemClock(),
            stop=self._stop,
            run_since_us=self.order.since_us,
        )
        self._feed.run()
        if self._feed.error:
            self._fail(writer, self._feed.error)
        self._settle(self._feed, writer)

    def _fail(self, writer: FrameWriter, error: str) -> None:
        """Log and report the error at once, while other sources go on. An error of the log is not the source's fault: ignore it."""
        if self._phase == "failed" or not _works(writer):
            return
        self._turn("failed", error)
        logger.error("stream %s: %s", self.order.stream, error)
        self._on_change()

    def _settle(self, feed: Feed, writer: FrameWriter) -> None:
        """Wait until what was read is in the log, and give the stream up."""
        feed.finish()
        while not writer.close_stream(self.order.stream, SETTLE_S):
            if self._give_up.is_set():
                logger.warning(
                    "stream %s: %d frames are not acknowledged; the next ingest of it finds out what became of them",
                    self.order.stream,
                    feed.appended - feed.acked,
                )
                return
        feed.confirm()
        if feed.error:
            self._fail(writer, feed.error)
        elif feed.finished:
            self._turn("ended")


def _works(writer: FrameWriter) -> bool:
    try:
        writer.flush(0.0)
    except LogError:
        return False
    return True
