"""A log's FrameWriter that brings live streams to disk while the log is away or slow, and from there into the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from framehop.account import IngestAccount
from framehop.errors import (
    ClosedError,
    FramehopError,
    InvalidArgumentError,
    LogUnavailableError,
)
from framehop.forks import HomeLock
from framehop.log.spool.allowance import Allowance
from framehop.log.spool.behind import LogBehind, OpenLog
from framehop.log.spool.drain import SpoolDrain
from framehop.log.spool.keeper import Keeper
from framehop.log.spool.opening import Opening
from framehop.log.spool.options import SpoolOptions
from framehop.log.spool.passage import Passage
from framehop.log.spool.store import SpoolStore
from framehop.log.spool.stores import Stores
from framehop.log.spool.streams import OpenStreams
from framehop.log.spool.ways import Ways
from framehop.protocols import NO_LABELS, Ack, Backlog, FrameWriter
from framehop.timing import Deadline
from framehop.types import Frame, FrameKey, StreamState, check_stream

logger = logging.getLogger(__name__)

FIRST_LOOK_S = 2.0  # how long a stream that is opened waits to hear whether the log is there
NEXT_S = 1.0  # how long the next epoch waits for the last one; whoever asks looks whether to stop, and asks again
SLICE_S = 0.05
LAND_S = 1.5  # what `close` waits for the log; what has not arrived then goes to disk
SAFE_S = 2.0  # what it waits for the disk
END_S = 1.0  # what it waits for the threads


class SpoolingWriter:
    """The writer. Thread-safe, with one thread per stream.

    Sources that can wait, such as files, are appended to the log's own writer. A live stream goes straight into the log as long as
    the log takes its frames within a second; else it goes to disk and from there into the log, in order, until it has caught up.
    Its frames are acknowledged once either has them. `close` brings to disk what the log does not acknowledge; the next process
    sends it. Memory: twice `queue_bytes`.

    Its parts: `Ways` moves frames and owns the lock; `SpoolDrain` and `Keeper` are threads; a `SpoolStore` is a directory.
    """

    def __init__(self, behind: LogBehind, root: Path, options: SpoolOptions, *, queue_bytes: int) -> None:
        """Open the spool below `root`, and the log when it answers. Raises LogError when the spool cannot be used; a full disk only
        gives a warning."""
        self._behind = behind
        self._streams = OpenStreams(behind.book())
        self._ways = Ways(self._streams.keep_account)
        self._lock = HomeLock("this writer of the log is")
        self._closed = False
        stores = Stores(self._ways, root, options, queue_bytes)
        try:
            self._store = stores.own()
        except BaseException:
            self._streams.close()
            raise
        self._opening = Opening(behind, self._opened)
        self._drain = SpoolDrain(self._ways, stores.orphans, Allowance(options.drain_bytes_per_s))
        self._keeper = Keeper(self._ways)

    def _opened(self, log: OpenLog) -> None:
        link = log.link()
        with self._ways.changed:
            self._ways.link = link
            self._ways.changed.notify_all()

    # ---- streams

    def open_stream(
        self,
        stream: str,
        *,
        source: str,
        finite: bool,
        run_since_us: int | None = None,
        labels: Mapping[str, str] = NO_LABELS,
    ) -> StreamState:
        """Begin an epoch of a live stream, whether the log is there or not. A source that can wait waits for the log."""
        check_stream(stream)
        self._check()
        if finite:
            state = self._log_writer().open_stream(
                stream, source=source, finite=True, run_since_us=run_since_us, labels=labels
            )
            self._streams.add_film(stream)
            return state
        self._opening.wait(FIRST_LOOK_S)
        self._check()
        return self._begun(self._streams.begin(stream, source, self._store_if_there(), labels))

    def _begun(self, passage: Passage) -> StreamState:
        try:
            self._place(passage)
        except BaseException:
            self._streams.end(passage)
            raise
        self._ways.add(passage)
        return StreamState(stream=passage.stream, epoch=passage.epoch, next_seq=0)

    def _store_if_there(self) -> SpoolStore | None:
        return self._store if self._store in self._ways.writable else None

    def _place(self, passage: Passage) -> None:
        link = self._ways.link
        if link is not None and not link.stalled:
            with suppress(LogUnavailableError):  # it goes to disk first
                passage.place = link.place(passage.stream, passage.labels)

    def taken(self, stream: str) -> frozenset[str]:
        return frozenset() if self._is_live(stream) else self._log_writer().taken(stream)

    def keep_account(self, account: IngestAccount) -> None:
        if not self._is_live(account.stream):
            self._log_writer().keep_account(account)
            return
        passage = self._passage(account.stream)
        with self._ways.changed:
            passage.account, passage.account_at = account, passage.taken
        self._ways.settle_account(passage)

    def finish_pass(self, stream: str) -> None:
        if self._is_live(stream):  # it has no end that anybody would have to remember
            self._passage(stream)
        else:
            self._log_writer().finish_pass(stream)

    def next_pass(self, stream: str) -> StreamState:
        """Begin the next epoch of a live stream, once the log or the disk has the last one. Raises LogUnavailableError after a
        second, and what the log's own writer raises of a film."""
        if not self._is_live(stream):
            return self._log_writer().next_pass(stream)
        before = self._passage(stream)
        if not self._is_safe(before, NEXT_S):
            raise LogUnavailableError(
                f"the last epoch of {stream} is neither in the log nor in the spool: {self.stalled}"
            )
        self._check(before)
        return self._begun(self._streams.follow(before, self._store_if_there()))

    def _is_safe(self, passage: Passage, timeout_s: float) -> bool:
        """Wait until the source may forget what it gave, or has to, as the passage has failed; False when the time is up."""
        with self._ways.changed:
            return self._ways.changed.wait_for(
                lambda: passage.taken == passage.acked or passage.failure is not None, timeout_s
            )

    def close_stream(self, stream: str, timeout_s: float) -> bool:
        """Give `stream` up once all of it is in the log or on disk. What is on disk goes on into the log."""
        self._lock.check()
        if self._streams.is_film(stream):
            closed = self._log_writer().close_stream(stream, timeout_s)
            if closed:
                self._streams.forget_film(stream)
            return closed
        passage = self._streams.find(stream)
        if passage is None:
            return True
        if not self._is_safe(passage, timeout_s):
            return False
        self._streams.end(passage)
        if passage.failure is not None:
            raise passage.failure
        return True

    # ---- frames

    def append(self, frame: Frame, on_ack: Callable[[Ack], None] | None = None, timeout_s: float | None = None) -> bool:
        self._check()
        if self._streams.is_film(frame.key.stream):
            return self._log_writer().append(frame, on_ack, timeout_s)
        passage = self._passage_of(frame.key)
        deadline = Deadline.after(timeout_s) if timeout_s is not None else None
        while True:
            slice_s = SLICE_S if deadline is None else min(SLICE_S, deadline.remaining_s)
            if self._ways.append(passage, frame, on_ack, slice_s):
                return True
            if deadline is not None and deadline.expired:
                return False
            with self._ways.changed:  # whoever drains needs the passage meanwhile
                self._ways.changed.wait(slice_s)
            self._check(passage)

    def _passage_of(self, key: FrameKey) -> Passage:
        passage = self._passage(key.stream)
        if key.epoch != passage.epoch:
            raise InvalidArgumentError(f"frame {key} is not of the epoch being written, {passage.epoch}")
        return passage

    def _passage(self, stream: str) -> Passage:
        passage = self._streams.find(stream)
        if passage is None:
            raise InvalidArgumentError(f"stream {stream!r} is not open in this writer: call open_stream first")
        self._check(passage)
        return passage

    def _is_live(self, stream: str) -> bool:
        self._check()
        return not self._streams.is_film(stream)

    def _log_writer(self) -> FrameWriter:
        """Return the log's own writer, as soon as the log is there. Raises LogUnavailableError."""
        self._check()
        return self._opening.writer(self._behind.patience_s)

    def _check(self, passage: Passage | None = None) -> None:
        self._lock.check()
        if self._closed:
            raise ClosedError("this writer of the log is closed")
        if self._opening.failure is not None:
            raise self._opening.failure
        if (link := self._ways.link) is not None:
            link.check()
        if passage is not None and passage.failure is not None:
            raise passage.failure

    # ---- looks

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything appended here is in the log; what is on disk alone is not there yet. Returns False when the time is
        up. Raises LogError when the log has failed for good."""
        deadline = Deadline.after(timeout_s)
        self._check()
        films = self._opening.opened_writer
        if films is not None and not films.flush(deadline.remaining_s):
            return False
        with self._ways.changed:
            return self._ways.changed.wait_for(self._all_done, deadline.remaining_s)

    def _all_done(self) -> bool:
        self._check()
        return all(
            passage.done or passage.failure is not None for passage in self._ways.passages.values() if passage.own
        )

    @property
    def backlog(self) -> Backlog:
        found = [store.backlog for store in list(self._ways.stores)]
        return Backlog(frames=sum(of.frames for of in found), bytes=sum(of.bytes for of in found))

    @property
    def stalled(self) -> str:
        """The reason why the log takes nothing at the moment, and what becomes of live streams; else empty."""
        films = self._opening.opened_writer
        link = self._ways.link
        why = (films.stalled if films is not None else "") or (link.stalled if link is not None else self._opening.why)
        if not why:
            return ""
        store = self._store_if_there()
        if store is None:
            return why
        return f"{why}; and the spool: {store.stalled}" if store.stalled else f"{why}; live streams go into the spool"

    # ---- the end

    def close(self) -> None:
        if self._lock.left:
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._land(Deadline.after(LAND_S))
        self._keeper.stop(END_S)
        self._make_safe(Deadline.after(SAFE_S))
        stopped = self._drain.stop(END_S)
        self._opening.close()
        self._end(stopped)

    def _land(self, deadline: Deadline) -> None:
        """Wait until the log has what is on its way, unless it takes nothing."""
        with self._ways.changed:
            while not deadline.expired and any(passage.waiting for passage in self._ways.passages.values()):
                if self._ways.link is None or self._ways.link.stalled:
                    return
                self._ways.changed.wait(min(SLICE_S, deadline.remaining_s))

    def _make_safe(self, deadline: Deadline) -> None:
        while not self._keeper.keep_safe(only_slow=False) and not deadline.expired:
            time.sleep(SLICE_S)

    def _end(self, drained: bool) -> None:
        if drained:
            self._drain.close()
        with self._ways.changed:
            there, self._ways.stores = self._store in self._ways.stores, []
        if self._store is not None:
            with suppress(FramehopError):  # a disk that is gone was reported
                self._store.close()
        left = sum(passage.taken - passage.acked for passage in self._ways.passages.values())
        if left:
            logger.warning("%d frames were not acknowledged at close, and are in doubt", left)
        if there and self._store is not None and (frames := self._store.backlog.frames):
            logger.warning("%d frames are in the spool; the next ingest here sends them", frames)
        self._streams.close()

    @property
    def closed(self) -> bool:
        return self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
