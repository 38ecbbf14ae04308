"""Reads sources into the frames log, each in a thread of its own. Used by the command, the API, and the ingest process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from framehop.budgets import STOP_FLUSH_S
from framehop.errors import ConfigError
from framehop.pipeline.ingest.feed import Feed, StreamProgress, StreamSummary
from framehop.pipeline.ingest.pacing import Clock, Rate, StopEvent, SystemClock, check_rate, parse_rate
from framehop.protocols import NO_BACKLOG, Backlog, FrameWriter, Source, Spools, WritableLog
from framehop.sources import check_distinct

__all__ = ["IngestProgress", "IngestSummary", "Rate", "StreamProgress", "StreamSummary", "ingest", "parse_rate"]

logger = logging.getLogger(__name__)

PROGRESS_S = 0.5
SILENCE_S = 30.0  # a healthy log acknowledges within a second; only a full disk may take longer, and says so


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestProgress:
    """The progress of all sources. `stalled`: why the log takes nothing at the moment, such as a full disk; else empty. `spooled`:
    what waits on this host's disk for the log."""

    streams: tuple[StreamProgress, ...]
    stalled: str
    spooled: Backlog = NO_BACKLOG

    @property
    def acked(self) -> int:
        """Number of frames, over all streams, that came into the log since this ingest began."""
        return sum(stream.acked for stream in self.streams)


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
    run_since_us: int | None = None,
    unopened: Mapping[str, str] | None = None,
) -> IngestSummary:
    """Append every picture of `sources` to `log`; return when all have ended and all is acknowledged, or after `stop`.

    `rate`: `realtime` (each source's own pace), `max` (as fast as the log takes them), or pictures per second for
    each. `loop`: passes over a finite source, each an epoch of its own; 0 for ever. `on_progress` is called from this
    thread about twice a second and once at the end. After `stop` what is queued is flushed, for at most five seconds,
    and unfinished streams are left so that the next ingest of the same source goes on with the next frame.
    `run_since_us`: on a restart within a run, when that run began; sources that it had finished are not read again.

    `unopened`: by stream id, why a source could not even be opened; logged at once, and repeated in the summary.

    The error of a source is logged at once and reported in the summary; the other sources go on. Raises ConfigError (rate, loop,
    two sources with one stream id) before anything is written, LogError when the log fails for good, MemoryError.
    """
    check_rate(rate)
    check_loop(loop)
    if not sources:
        raise ConfigError("nothing to ingest; name at least one source")
    check_distinct(sources)
    stop = stop or threading.Event()
    clock = clock or SystemClock()
    for stream, error in (unopened or {}).items():
        _tell(stream, error)
    with log.writer() as writer:
        feeds = [
            Feed(source, writer, rate=rate, loop=loop, clock=clock, stop=stop, run_since_us=run_since_us)
            for source in sources
        ]
        watch = _Watch(feeds, writer, clock, on_progress)
        _run(feeds, watch, stop)
        for feed in feeds:
            feed.finish()
        complete = _flush(writer, feeds, watch, clock, stop)
        if complete:
            for feed in feeds:
                feed.confirm()
        watch.report()
        if not complete and not spooled_by(writer).frames:  # a spool says so itself
            logger.warning("not all frames were acknowledged; the next ingest sends them again")
    return IngestSummary(
        streams={feed.stream: feed.summary() for feed in feeds},
        stopped=any(feed.stopped for feed in feeds),
        unopened=dict(unopened or {}),
    )


def check_loop(loop: int) -> None:
    """Raise ConfigError for a negative number of passes."""
    if loop < 0:
        raise ConfigError(f"loop {loop} is out of range; use 1 or more passes, or 0 for ever")


def _run(feeds: Sequence[Feed], watch: _Watch, stop: StopEvent) -> None:
    with ThreadPoolExecutor(len(feeds), thread_name_prefix="ingest") as threads:
        pending: set[Future[None]] = {threads.submit(feed.run) for feed in feeds}
        try:
            while pending:
                done, pending = wait(pending, timeout=PROGRESS_S, return_when=FIRST_COMPLETED)
                for feed in done:
                    feed.result()
                watch.report()
        except BaseException:
            stop.set()  # after Ctrl-C or a lack of memory, as the executor's exit waits for the threads
            raise


def _tell(stream: str, error: str) -> None:
    """Log an error at once, as the other sources may go on for days."""
    logger.error("stream %s: %s", stream, error)


def _flush(writer: FrameWriter, feeds: Sequence[Feed], watch: _Watch, clock: Clock, stop: StopEvent) -> bool:
    """Wait until all is acknowledged; False when the log stays silent for too long, and five seconds after a stop."""
    acked, heard_s = -1, clock.monotonic()
    stopped_s: float | None = None
    while not writer.flush(PROGRESS_S):
        watch.report()
        now_s, now_acked = clock.monotonic(), sum(feed.acked for feed in feeds)
        if now_acked != acked or writer.stalled:
            acked, heard_s = now_acked, now_s
        if stop.is_set() and stopped_s is None:
            stopped_s = now_s - PROGRESS_S
        if stopped_s is not None and (writer.stalled or now_s - stopped_s >= STOP_FLUSH_S):
            return False
        if now_s - heard_s >= SILENCE_S:
            return False
    return True


def spooled_by(writer: FrameWriter) -> Backlog:
    """Return what a writer has on this host's disk and not in the log."""
    return writer.backlog if isinstance(writer, Spools) else NO_BACKLOG


class _Watch:
    """Reports progress, and logs once when the log stalls, when it goes on, and when a source fails."""

    def __init__(
        self, feeds: Sequence[Feed], writer: FrameWriter, clock: Clock, on_progress: ProgressCallback | None
    ) -> None:
        self._feeds = feeds
        self._writer = writer
        self._clock = clock
        self._on_progress = on_progress
        self._stalled = ""
        self._told: set[str] = set()
        self._acked = [0] * len(feeds)
        self._at_s = clock.monotonic()

    def report(self) -> None:
        stalled = self._writer.stalled
        if stalled and not self._stalled:
            logger.warning("the log takes no frames: %s; waiting", stalled)
        elif self._stalled and not stalled:
            logger.info("the log takes frames again")
        self._stalled = stalled
        for feed in self._feeds:
            if feed.error and feed.stream not in self._told:
                self._told.add(feed.stream)
                _tell(feed.stream, feed.error)
        if self._on_progress:
            self._on_progress(
                IngestProgress(streams=self._streams(), stalled=stalled, spooled=spooled_by(self._writer))
            )

    def _streams(self) -> tuple[StreamProgress, ...]:
        now_s = self._clock.monotonic()
        span_s = max(1e-3, now_s - self._at_s)
        before, self._acked = self._acked, [feed.acked for feed in self._feeds]
        self._at_s = now_s
        return tuple(
            feed.progress((acked - last) / span_s)
            for feed, acked, last in zip(self._feeds, self._acked, before, strict=True)
        )
