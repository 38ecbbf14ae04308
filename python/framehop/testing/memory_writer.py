"""The FrameWriter of a MemoryLog, with a queue and a thread like the real one, so that acknowledgements come from another
thread."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Self

from framehop.account import IngestAccount
from framehop.errors import ClosedError, InvalidArgumentError, StreamBusyError
from framehop.passes import LastPass, next_epoch, next_pass
from framehop.protocols import NO_LABELS, Ack
from framehop.testing.memory_store import MemoryStore, MemoryStream
from framehop.timing import now_us
from framehop.types import Frame, StreamState, check_stream

logger = logging.getLogger(__name__)

_CLOSE_S = 5.0
ACCOUNTS = 50
_Job = tuple[int, Callable[[], Callable[[], None]]]  # bytes, and the work, which returns the acknowledgement to make


class MemoryWriter:
    """A writer in memory; see FrameWriter. Frames that wait for room when it is closed are dropped after 5 s."""

    def __init__(self, store: MemoryStore, queue_bytes: int) -> None:
        self._store = store
        self._limit = queue_bytes
        self._jobs: deque[_Job] = deque()
        self._bytes = 0
        self._undone = 0
        self._closed = False
        self._states: dict[str, StreamState] = {}
        self._thread = threading.Thread(target=self._run, name="memory-log-writer", daemon=True)
        self._thread.start()

    def open_stream(
        self,
        stream: str,
        *,
        source: str,
        finite: bool,
        run_since_us: int | None = None,
        labels: Mapping[str, str] = NO_LABELS,
    ) -> StreamState:
        check_stream(stream)
        with self._store.changed:
            self._check_open()
            row = self._store.streams.setdefault(stream, MemoryStream())
            if row.writer is not None:
                raise StreamBusyError(f"stream {stream} is being written already: give each source its own --stream")
            last = LastPass(source=row.source, epoch=row.epoch, finished_us=row.finished_us)
            plan = next_pass(last, source=source, finite=finite, run_since_us=run_since_us)
            if not plan.resumes:
                row.epoch, row.pass_index = next_epoch(row.epoch), 0
            row.source, row.finished_us, row.writer = source, row.finished_us if plan.done else int(not finite), self
            self._states[stream] = StreamState(
                stream=stream,
                epoch=row.epoch,
                next_seq=self._store.next_seq(stream, row.epoch),
                pass_index=row.pass_index,
                done=plan.done,
                replaced=plan.replaced,
            )
            return self._states[stream]

    def append(self, frame: Frame, on_ack: Callable[[Ack], None] | None = None, timeout_s: float | None = None) -> bool:
        if frame.key.epoch != self._state(frame.key.stream).epoch:
            raise InvalidArgumentError(f"frame {frame.key} is not of the epoch being written")

        def store() -> Callable[[], None]:
            ack = self._store.append(frame)
            return lambda: on_ack(ack) if on_ack else None

        return self._put(len(frame.payload), store, timeout_s)

    def taken(self, stream: str) -> frozenset[str]:
        state = self._state(stream)
        with self._store.changed:
            found = self._store.streams[stream].origins.get(state.epoch, {})
            return frozenset(origin for seq, origin in found.items() if seq < state.next_seq)

    def keep_account(self, account: IngestAccount) -> None:
        self._state(account.stream)
        self._put(0, lambda: self._save_account(account), None)

    def finish_pass(self, stream: str) -> None:
        state = self._state(stream)
        self._put(0, lambda: self._set_pass(state, finished=True), None)

    def next_pass(self, stream: str) -> StreamState:
        last = self._state(stream)
        state = StreamState(stream=stream, epoch=next_epoch(last.epoch), next_seq=0, pass_index=last.pass_index + 1)
        self._put(0, lambda: self._set_pass(state, finished=False), None)
        self._states[stream] = state
        return state

    def close_stream(self, stream: str, timeout_s: float) -> bool:
        """Give the stream up. This waits for the other streams too, since all share one short queue."""
        with self._store.changed:
            if not self._store.changed.wait_for(lambda: self._undone == 0, timeout_s):
                return False
            if self._states.pop(stream, None) is not None:
                self._store.streams[stream].writer = None
            return True

    def flush(self, timeout_s: float) -> bool:
        with self._store.changed:
            self._check_open()
            return self._store.changed.wait_for(lambda: self._undone == 0, timeout_s)

    @property
    def stalled(self) -> str:
        with self._store.changed:
            return "no room for the log in memory" if self._store.full and self._undone else ""

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        with self._store.changed:
            if self._closed:
                return
            self._closed = True
            self._store.changed.notify_all()
            self._store.changed.wait_for(lambda: self._undone == 0, _CLOSE_S)
            self._jobs.clear()
            for stream in self._states:
                self._store.streams[stream].writer = None
            self._store.changed.notify_all()
        self._thread.join(_CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this writer of the log is closed")

    def _state(self, stream: str) -> StreamState:
        with self._store.changed:
            self._check_open()
            if stream not in self._states:
                raise InvalidArgumentError(f"stream {stream!r} is not open in this writer: call open_stream first")
            return self._states[stream]

    def _set_pass(self, state: StreamState, *, finished: bool) -> Callable[[], None]:
        row = self._store.streams[state.stream]
        row.epoch, row.pass_index, row.finished_us = state.epoch, state.pass_index, now_us() if finished else 0
        return lambda: None

    def _save_account(self, account: IngestAccount) -> Callable[[], None]:
        self._store.accounts[account.stream, account.epoch] = account
        for _, epoch in sorted(key for key in self._store.accounts if key[0] == account.stream)[:-ACCOUNTS]:
            del self._store.accounts[account.stream, epoch]
        return lambda: None

    def _put(self, nbytes: int, work: Callable[[], Callable[[], None]], timeout_s: float | None) -> bool:
        with self._store.changed:
            fits = self._store.changed.wait_for(lambda: self._closed or self._fits(nbytes), timeout_s)
            self._check_open()
            if fits:
                self._jobs.append((nbytes, work))
                self._bytes += nbytes
                self._undone += 1
                self._store.changed.notify_all()
            return fits

    def _fits(self, nbytes: int) -> bool:
        return self._bytes == 0 or self._bytes + nbytes <= self._limit

    def _run(self) -> None:
        while (job := self._next()) is not None:
            nbytes, acknowledge = job
            try:
                acknowledge()
            except Exception:
                logger.exception("an acknowledgement callback failed")
            with self._store.changed:
                self._bytes -= nbytes
                self._undone -= 1
                self._store.changed.notify_all()

    def _next(self) -> tuple[int, Callable[[], None]] | None:
        with self._store.changed:
            self._store.changed.wait_for(lambda: (self._jobs and not self._store.full) or self._ended)
            if self._ended:
                return None
            nbytes, work = self._jobs.popleft()
            acknowledge = work()
            self._store.changed.notify_all()
            return nbytes, acknowledge

    @property
    def _ended(self) -> bool:
        return self._closed and not self._jobs
