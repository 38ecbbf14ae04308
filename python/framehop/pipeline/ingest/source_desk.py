"""Manages the sources of an ingest, which come and go while it runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Self

from framehop.pipeline.ingest.pacing import Clock, EitherEvent, StopEvent, SystemClock
from framehop.pipeline.ingest.source_work import SourceWork
from framehop.pipeline.processes.messages import Beat
from framehop.pipeline.processes.source_messages import AddSource, RemoveSource, SourceNews, SourceOrder
from framehop.pipeline.wake import Wake
from framehop.protocols import NO_BACKLOG, FrameWriter, Source, Spools
from framehop.timing import Deadline

logger = logging.getLogger(__name__)

CLOSE_S = 1.0  # twice what a source that is given up takes


class SourceDesk:
    """Keeps one thread per source. Use from one thread. `fileno` is readable when the state of a source has changed.

    A source that has ended gives up its stream at once. With `holds` it keeps the stream, and does not count as finished, until
    `hand_over`: an ingest that is killed and started again with the same sources must not repeat those that ended before the
    others.
    """

    def __init__(
        self,
        writer: Future[FrameWriter],
        *,
        holds: bool = False,
        clock: Clock | None = None,
        stop: StopEvent | None = None,
    ) -> None:
        """`writer`: may come later; the desk does not close it. `stop`: ends all sources too."""
        self._clock = clock or SystemClock()
        self._holds = holds
        self._stop = stop or self._clock.event()
        self._wake = Wake()
        self._works: dict[str, SourceWork] = {}
        self._leaving: list[SourceWork] = []
        self._gone: list[SourceWork] = []  # whose last news are not told yet
        self._next: dict[str, SourceOrder] = {}  # orders that wait for an earlier source to give up their stream
        self._told: dict[str, SourceNews] = {}
        self._begun_us: dict[str, int] = {}  # the newest order of each stream; one that was paused comes again
        self._acked_by_the_gone = 0
        self._stalled = ""
        self.spooled = NO_BACKLOG  # what waits on this host's disk for the log
        self._writer = writer
        writer.add_done_callback(lambda _writer: self._wake.ring())

    # ---- sources

    def apply(self, change: AddSource | RemoveSource) -> bool:
        """Begin or stop reading a source; always True, for `Roster.tell`."""
        match change:
            case AddSource(order):
                self.add(order)
            case RemoveSource(order):
                self.remove(order)
        return True

    def add(self, order: SourceOrder, source: Source | None = None) -> None:
        """Begin to read a source. `source`: it, if it is open already."""
        if any(work.order.stream == order.stream and work.alive for work in self._leaving):
            self._next[order.stream] = order
            return
        again = self._begun_us.get(order.stream) == order.since_us
        self._begun_us[order.stream] = order.since_us
        self._works[order.stream] = SourceWork(
            order,
            self._writer,
            self._wake.ring,
            source=source,
            holds=self._holds,
            again=again,
            clock=self._clock,
            stop=EitherEvent(self._clock.event(), self._stop),
        )

    def remove(self, order: SourceOrder) -> None:
        """Stop reading the source of this order; another order for the same stream stays."""
        if self._next.get(order.stream) == order:
            del self._next[order.stream]
        work = self._works.get(order.stream)
        if work is None or work.order != order:
            return
        del self._works[order.stream]
        self._told.pop(order.stream, None)
        work.leave()
        self._leaving.append(work)

    def care(self) -> None:
        """Forget the sources that have ended, and begin those that waited for their streams. Raises an error of the log, which
        would stop all sources, and a lack of memory."""
        if self._writer.done():
            writer = self._writer.result()
            writer.flush(0.0)
            self._say_stalled(writer.stalled)
            self.spooled = writer.backlog if isinstance(writer, Spools) else NO_BACKLOG
        for work in self.works:
            if work.failure is not None:
                raise work.failure
        for work in [work for work in self._leaving if not work.alive]:
            self._leaving.remove(work)
            self._gone.append(work)
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
    def works(self) -> list[SourceWork]:
        """The sources that are read, and those that are about to leave."""
        return [*self._leaving, *self._works.values()]

    @property
    def at_work(self) -> bool:
        """Whether any source is read, or has frames that are not in the log yet."""
        return bool(self._next) or any(work.alive for work in self.works)

    @property
    def reading(self) -> bool:
        """Whether any source gives more frames."""
        return bool(self._next) or any(work.reading for work in self.works)

    # ---- reports

    def fileno(self) -> int:
        return self._wake.fileno()

    def wake(self) -> None:
        """Make `fileno` readable. Safe in a signal handler."""
        self._wake.ring()

    def clear_wake(self) -> None:
        self._wake.clear()

    @property
    def stalled(self) -> str:
        return self._stalled

    @property
    def acked(self) -> int:
        """Number of frames, of all sources so far, that are in the log."""
        return self._acked_by_the_gone + sum(work.acked for work in self.works)

    def beat(self) -> Beat:
        return Beat(
            appended=self.acked,
            stalled=self._stalled,
            spooled_frames=self.spooled.frames,
            spooled_bytes=self.spooled.bytes,
        )

    def news(self) -> Iterator[SourceNews]:
        """Iterate the sources whose state has changed since it was last `told`; those that have left give their last."""
        yield from (work.news() for work in self._gone)
        for stream, work in self._works.items():
            news = work.news()
            if self._told.get(stream) != news:
                yield news

    def take_gone(self) -> list[SourceWork]:
        """Return the sources that have left since the last call, instead of telling their last news."""
        gone, self._gone = self._gone, []
        return gone

    def told(self, news: list[SourceNews]) -> None:
        for item in news:
            self._told[item.stream] = item
        said = {(item.stream, item.since_us) for item in news}
        self._gone = [work for work in self._gone if (work.order.stream, work.order.since_us) not in said]

    # ---- the end

    def stop(self, deadline: Deadline) -> bool:
        """Stop reading, and wait for what was read to be in the log. False when it is not there by the deadline."""
        self._next.clear()
        for work in self.works:
            work.leave()
        return self._ended(deadline)

    def stop_reading(self) -> None:
        """Stop reading, and do not wait."""
        self._next.clear()
        for work in self.works:
            work.stop()

    def hand_over(self, deadline: Deadline) -> None:
        """Stop reading and end the threads of the sources that are held. Their streams stay open: the caller finishes them by their
        works. Sources that are leaving already go on leaving."""
        self.stop_reading()
        for work in self._works.values():
            work.hand_over()
        for work in self._works.values():
            work.thread.join(deadline.remaining_s)

    def _ended(self, deadline: Deadline) -> bool:
        for work in self.works:
            work.thread.join(deadline.remaining_s)
        left = [work for work in self.works if work.alive]
        for work in left:
            work.give_up()
        return not left

    def close(self) -> None:
        """End the threads, and do not wait for acknowledgements. Closing twice is harmless."""
        for work in self.works:
            work.hand_over()
            work.give_up()
        self._ended(Deadline.after(CLOSE_S))
        self._wake.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
