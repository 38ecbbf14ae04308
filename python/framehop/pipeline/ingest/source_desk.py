"""Manages the sources of an ingest process, which come and go while it runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future

from framehop.budgets import DESK_CLOSE_S
from framehop.log import LogAt
from framehop.pipeline.control import Beat, SourceNews, SourceOrder
from framehop.pipeline.ingest.ingest import spooled_by
from framehop.pipeline.ingest.source_work import SourceWork
from framehop.pipeline.wake import Wake
from framehop.protocols import NO_BACKLOG, FrameWriter
from framehop.timing import Deadline

logger = logging.getLogger(__name__)


class SourceDesk:
    """Opens the log in a thread of its own, so that nobody waits for a missing broker, and keeps one thread per source. Use from
    one thread. `fileno` is readable when the state of a source has changed."""

    def __init__(self, at: LogAt) -> None:
        self._at = at
        self._wake = Wake()
        self._works: dict[str, SourceWork] = {}
        self._leaving: list[SourceWork] = []
        self._next: dict[str, SourceOrder] = {}  # orders that wait for an earlier source to give up their stream
        self._told: dict[str, SourceNews] = {}
        self._acked_by_the_gone = 0
        self._stalled = ""
        self._spooled = NO_BACKLOG
        self._writer: Future[FrameWriter] = Future()
        self._over = threading.Event()
        self._opener = threading.Thread(target=self._open, name="ingest-log", daemon=True)
        self._opener.start()

    def _open(self) -> None:
        try:
            with self._at.writing() as log, log.writer() as writer:
                self._writer.set_result(writer)
                self._over.wait()
        except BaseException as error:
            if self._writer.done():  # then closing failed, not opening
                raise
            self._writer.set_exception(error)
            self._wake.ring()

    # ---- sources

    def add(self, order: SourceOrder) -> None:
        if any(work.order.stream == order.stream and work.alive for work in self._leaving):
            self._next[order.stream] = order
            return
        self._works[order.stream] = SourceWork(order, self._writer, self._wake.ring)

    def remove(self, order: SourceOrder) -> None:
        """Stop reading the source of this order; another order for the same stream stays."""
        if self._next.get(order.stream) == order:
            del self._next[order.stream]
        work = self._works.get(order.stream)
        if work is None or work.order != order:
            return
        del self._works[order.stream]
        self._told.pop(order.stream, None)
        work.stop()
        self._leaving.append(work)

    def care(self) -> None:
        """Forget the sources that have ended, and begin those that waited for their streams. Raises an error of the log, which
        would stop all sources."""
        if self._writer.done():
            writer = self._writer.result()
            writer.flush(0.0)
            self._say_stalled(writer.stalled)
            self._spooled = spooled_by(writer)
        for work in [work for work in self._leaving if not work.alive]:
            self._leaving.remove(work)
            self._acked_by_the_gone += work.acked
            if work.order.stream in self._next:
                self.add(self._next.pop(work.order.stream))

    def _say_stalled(self, stalled: str) -> None:
        if stalled and not self._stalled:
            logger.warning("the log takes no frames: %s; waiting", stalled)
        elif self._stalled and not stalled:
            logger.info("the log takes frames again")
        self._stalled = stalled

    @property
    def at_work(self) -> bool:
        return bool(self._next) or any(work.alive for work in [*self._works.values(), *self._leaving])

    # ---- reports to the supervisor

    def fileno(self) -> int:
        return self._wake.fileno()

    def clear_wake(self) -> None:
        self._wake.clear()

    def beat(self) -> Beat:
        works = [*self._works.values(), *self._leaving]
        return Beat(
            appended=self._acked_by_the_gone + sum(work.acked for work in works),
            stalled=self._stalled,
            spooled_frames=self._spooled.frames,
            spooled_bytes=self._spooled.bytes,
        )

    def news(self) -> Iterator[SourceNews]:
        """Iterate the sources whose state has changed since it was last `told`."""
        for stream, work in self._works.items():
            news = work.news()
            if self._told.get(stream) != news:
                yield news

    def told(self, news: list[SourceNews]) -> None:
        for item in news:
            self._told[item.stream] = item

    # ---- the end

    def stop(self, deadline: Deadline) -> bool:
        """Stop reading, and wait for what was read to be in the log. False when it is not there by the deadline."""
        works = [*self._works.values(), *self._leaving]
        self._next.clear()
        for work in works:
            work.stop()
        for work in works:
            work.thread.join(deadline.remaining_s)
        left = [work for work in works if work.alive]
        for work in left:
            work.give_up()
        return not left

    def close(self) -> None:
        """Close the log. Its writer waits up to five seconds for what is queued. Closing twice is harmless."""
        self._over.set()
        self._opener.join(DESK_CLOSE_S)
        self._wake.close()
