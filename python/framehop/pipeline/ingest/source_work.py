"""One source of an ingest process, from being opened to its stream being given up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from framehop.errors import FramehopError, LogError, is_out_of_memory
from framehop.pipeline.control import Phase, SourceNews, SourceOrder
from framehop.pipeline.ingest.feed import Feed
from framehop.pipeline.ingest.pacing import SystemClock, parse_rate
from framehop.protocols import FrameWriter
from framehop.sources import SourceSpec

logger = logging.getLogger(__name__)

SETTLE_S = 0.5  # how long one look at what is not acknowledged yet may hide that nobody waits for it any more
MAX_ERROR = 1000  # characters; messages between processes are bounded


class SourceWork:
    """Runs one source in a thread of its own. What goes wrong with it is in `news`, so that the others go on; only a lack of memory
    is raised in its thread. All methods from any thread."""

    def __init__(self, order: SourceOrder, writer: Future[FrameWriter], on_change: Callable[[], None]) -> None:
        """`writer`: may be there later. `on_change` is called from the thread, when the phase has changed or the thread ends."""
        self.order = order
        self._writer = writer
        self._on_change = on_change
        self._stop = threading.Event()
        self._give_up = threading.Event()
        self._feed: Feed | None = None
        self._phase: Phase = "opening"
        self._error = ""
        self.thread = threading.Thread(target=self._run, name=f"ingest-{order.stream}", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Read no more; what was read still goes into the log, and an unfinished source goes on from there another time."""
        self._stop.set()

    def give_up(self) -> None:
        """As `stop`, and wait for no acknowledgement."""
        self._stop.set()
        self._give_up.set()

    @property
    def alive(self) -> bool:
        return self.thread.is_alive()

    @property
    def acked(self) -> int:
        return self._feed.acked if self._feed else 0

    def news(self) -> SourceNews:
        feed, phase = self._feed, self._phase
        if phase == "opening" and feed is not None and feed.appended:
            phase = "running"
        return SourceNews(
            stream=self.order.stream,
            since_us=self.order.since_us,
            phase=phase,
            appended=feed.appended if feed else 0,
            acked=feed.acked if feed else 0,
            error=self._error[:MAX_ERROR],
        )

    # ---- the thread

    def _run(self) -> None:
        if self._writer.exception() is not None:
            return  # said by who opens the log
        writer = self._writer.result()
        try:
            self._read(writer)
        except FramehopError as error:
            self._fail(writer, str(error))
        except Exception as error:
            if is_out_of_memory(error):
                raise
            logger.error("source %s failed", self.order.source, exc_info=error)
            self._fail(writer, f"{type(error).__name__}: {error}")
        finally:
            self._on_change()

    def _read(self, writer: FrameWriter) -> None:
        source = SourceSpec(source=self.order.source, stream=self.order.stream).open()
        self._feed = Feed(
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
        """Said at once, while the others go on. What keeps all of them from going on is not the source's fault."""
        if self._phase == "failed" or not _works(writer):
            return
        self._error, self._phase = error, "failed"
        logger.error("stream %s: %s", self.order.stream, error)
        self._on_change()

    def _settle(self, feed: Feed, writer: FrameWriter) -> None:
        """Wait for what was read to be in the log, and give the stream up."""
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
            self._phase = "ended"


def _works(writer: FrameWriter) -> bool:
    try:
        writer.flush(0.0)
    except LogError:
        return False
    return True
