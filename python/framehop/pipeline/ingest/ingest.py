"""Reads sources into the frames log in this process, each in a thread of its own. Used by the command and the API."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from framehop.budgets import STOP_FLUSH_S
from framehop.errors import ConfigError
from framehop.pipeline.ingest.pacing import Clock, Rate, StopEvent, SystemClock, check_loop, check_rate
from framehop.pipeline.ingest.source_desk import SourceDesk
from framehop.pipeline.ingest.source_work import SourceWork
from framehop.pipeline.ingest.stream_summary import StreamProgress, StreamSummary, merged
from framehop.pipeline.ingest.writer_thread import opened
from framehop.pipeline.processes.source_messages import SourceOrder
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.wake import readable
from framehop.protocols import NO_BACKLOG, Backlog, FrameWriter, Source, WritableLog
from framehop.sources import check_distinct
from framehop.timing import Deadline, now_us

logger = logging.getLogger(__name__)

PROGRESS_S = 0.5
SILENCE_S = 30.0  # a healthy log acknowledges within a second; only a full disk may take longer, and says so


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestProgress:
    """The progress of all sources. `acked`: frames that came into the log since this ingest began, those of streams that have been
    removed too. `stalled`: why the log takes nothing at the moment, such as a full disk; else empty. `spooled`: what waits on this
    host's disk for the log."""

    streams: tuple[StreamProgress, ...]
    acked: int
    stalled: str
    spooled: Backlog = NO_BACKLOG


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """The result of an ingest, by stream id. `stopped`: the stop signal came before the end of the sources; the next ingest goes
    on where they were left. `unopened`: the sources that could not be opened, and why."""

    streams: dict[str, StreamSummary]
    stopped: bool
    unopened: dict[str, str] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        return sum(stream.frames for stream in self.streams.values())

    @property
    def errors(self) -> dict[str, str]:
        """The error of each source that failed, by stream id."""
        return self.unopened | {name: stream.error for name, stream in self.streams.items() if stream.error}


ProgressCallback = Callable[[IngestProgress], None]


def ingest(
    log: WritableLog,
    sources: Sequence[Source],
    *,
    rate: Rate = "realtime",
    loop: int = 1,
    on_progress: ProgressCallback | None = None,
    stop: StopEvent | None = None,
    clock: Clock | None = None,
) -> IngestSummary:
    """Append every picture of `sources` to `log`; return when all have ended and all is acknowledged, or after `stop`. See Ingest.

    `rate`: `realtime` (each source's own pace), `max` (as fast as the log takes them), or pictures per second for
    each. `loop`: passes over a finite source, each an epoch of its own; 0 for ever.

    Raises ConfigError (rate, loop, two sources with one stream id) before anything is written, and what Ingest raises.
    """
    check_rate(rate)
    check_loop(loop)
    if not sources:
        raise ConfigError("nothing to ingest; name at least one source")
    check_distinct(sources)
    roster = Roster()
    since_us = now_us()
    roster.add(
        *(
            SourceOrder(stream=source.stream, source=source.uri, rate=str(rate), loop=loop, since_us=since_us)
            for source in sources
        )
    )
    at_hand = {source.stream: source for source in sources}
    return Ingest(log, roster, at_hand=at_hand, on_progress=on_progress, stop=stop, clock=clock).run()


class Ingest:
    """Reads the sources of `roster` into `log` in this process, while they come and go. Call `run` once.

    It ends when all sources have ended and all is acknowledged, or after `stop`; not while one is paused, nor when one without end
    has been removed. After a stop what is queued is flushed, for at most five seconds, and unfinished streams are left so that the
    next ingest of the same source goes on with the next frame. Sources that have ended count as finished only when all have.

    The error of a source is logged at once and reported in the summary; the other sources go on. `run` raises LogError when the log
    fails for good, MemoryError.
    """

    def __init__(
        self,
        log: WritableLog,
        roster: Roster,
        *,
        at_hand: Mapping[str, Source] | None = None,
        on_progress: ProgressCallback | None = None,
        stop: StopEvent | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`at_hand`: sources that are open already, by stream id. `on_progress` is called from the thread of `run`, about twice a
        second and once at the end."""
        self._log = log
        self._roster = roster
        self._clock = clock or SystemClock()
        self._stop = stop or self._clock.event()
        self._on_progress = on_progress
        self._at_hand = dict(at_hand or {})
        self._left: dict[str, StreamSummary] = {}
        self._acked: dict[str, int] = {}
        self._at_s = self._clock.monotonic()
        self.acked = 0
        self.stalled = ""
        self.spooled = NO_BACKLOG

    def run(self) -> IngestSummary:
        with (
            self._log.writer() as writer,
            SourceDesk(opened(writer), holds=True, clock=self._clock, stop=self._stop) as desk,
        ):
            self._read(desk)
            complete = self._finish(desk, writer)
            self._tell(desk, last=True)
            if not complete and not desk.spooled.frames:  # a spool says so itself
                logger.warning("not all frames were acknowledged; the next ingest sends them again")
            return self._summary(desk)

    # ---- reading

    def _read(self, desk: SourceDesk) -> None:
        for order in self._roster.untold.begin():
            desk.add(order, self._at_hand.pop(order.stream, None))
        while True:
            desk.clear_wake()
            self._roster.untold.tell(desk.apply)
            desk.care()
            self._tell(desk)
            if self._over(desk):
                return
            readable([desk.fileno(), self._roster.untold.fileno()], PROGRESS_S)

    def _over(self, desk: SourceDesk) -> bool:
        if self._stop.is_set():
            self._roster.close()
            desk.stop_reading()
            return not desk.reading
        return not desk.reading and self._roster.try_close()

    def _tell(self, desk: SourceDesk, *, last: bool = False) -> None:
        """Note the state of each source in the roster, and report the progress."""
        self.acked, self.stalled, self.spooled = desk.acked, desk.stalled, desk.spooled
        for work in desk.take_gone():
            self._keep_summary(work, left=True)
            self._roster.note(work.news())
        news = list(desk.news())
        for item in news:
            self._roster.note(item)
        desk.told(news)
        due = last or self._clock.monotonic() - self._at_s >= PROGRESS_S
        if due and self._on_progress is not None:
            self._on_progress(self._progress(desk))

    def _keep_summary(self, work: SourceWork, *, left: bool = False) -> None:
        if work.feed is None:
            return
        now = work.feed.summary()
        if left:  # its error was told when it came, and whoever took the source away knows of it
            now = replace(now, error="")
        before = self._left.get(work.order.stream)
        self._left[work.order.stream] = merged(before, now) if before is not None else now

    def _progress(self, desk: SourceDesk) -> IngestProgress:
        now_s = self._clock.monotonic()
        span_s = max(1e-3, now_s - self._at_s)
        before, self._acked = self._acked, {work.order.stream: work.acked for work in desk.works}
        self._at_s = now_s
        streams = tuple(work.progress((work.acked - before.get(work.order.stream, 0)) / span_s) for work in desk.works)
        return IngestProgress(streams=streams, acked=desk.acked, stalled=desk.stalled, spooled=desk.spooled)

    # ---- the end

    def _finish(self, desk: SourceDesk, writer: FrameWriter) -> bool:
        """Mark what has ended as finished, and see all of it into the log. False when that takes too long."""
        desk.hand_over(Deadline.after(STOP_FLUSH_S))
        for work in desk.works:
            work.finish()
        if not self._flush(desk, writer):
            return False
        for work in desk.works:
            work.confirm(writer)
        return True

    def _flush(self, desk: SourceDesk, writer: FrameWriter) -> bool:
        """Wait until all is acknowledged; False when the log stays silent for too long, and five seconds after a stop."""
        acked, heard_s = -1, self._clock.monotonic()
        stopped_s: float | None = None
        while not writer.flush(PROGRESS_S):
            desk.care()
            self._tell(desk)
            now_s, now_acked = self._clock.monotonic(), desk.acked
            if now_acked != acked or writer.stalled:
                acked, heard_s = now_acked, now_s
            if self._stop.is_set() and stopped_s is None:
                stopped_s = now_s - PROGRESS_S
            if stopped_s is not None and (writer.stalled or now_s - stopped_s >= STOP_FLUSH_S):
                return False
            if now_s - heard_s >= SILENCE_S:
                return False
        return True

    def _summary(self, desk: SourceDesk) -> IngestSummary:
        for work in desk.works:
            self._keep_summary(work)
        return IngestSummary(
            streams=self._left,
            stopped=self._stop.is_set() and any(not (one.finished or one.error) for one in self._left.values()),
            unopened={work.order.stream: work.error for work in desk.works if work.feed is None and work.error},
        )
