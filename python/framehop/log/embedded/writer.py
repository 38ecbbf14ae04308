"""Append frames to the embedded log."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from framehop.account import IngestAccount
from framehop.budgets import WRITER_CLOSE_S
from framehop.errors import ClosedError, InvalidArgumentError, StreamBusyError
from framehop.forks import HomeLock
from framehop.log.embedded.append_commits import Committer
from framehop.log.embedded.append_queue import AppendQueue, PassChange, PendingAccount, PendingFrame
from framehop.log.embedded.context import LogContext
from framehop.log.embedded.stream_rows import OpenedStream, open_stream_row
from framehop.log.locks import FileLock, holder_of
from framehop.log.sqlite import connect, transaction, translated
from framehop.passes import next_epoch
from framehop.protocols import NO_LABELS, Ack
from framehop.timing import Deadline
from framehop.types import Frame, StreamState, check_stream

logger = logging.getLogger(__name__)

MAX_PAYLOAD_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    opened: OpenedStream
    lock: FileLock


class EmbeddedWriter:
    """The log's FrameWriter: a bounded queue in front of one thread that commits in batches.

    It is thread-safe, with one thread per stream. `close` waits up to 5 s for the queue; frames that have found no room by then are
    dropped unacknowledged, with a warning.
    """

    def __init__(self, context: LogContext) -> None:
        self._context = context
        self._id = f"{os.getpid()}.{secrets.token_hex(6)}"
        self._lock = HomeLock("this writer of the log is")
        self._streams: dict[str, _Held] = {}
        self._closed = False
        with translated(context.paths.root):
            # The lock is held before any row names this writer: a row whose lock is free belongs to a dead writer.
            self._life = FileLock.acquire_unique(context.paths.writer_lock(self._id))
        try:
            context.maintenance.request_retention()
            self._queue = AppendQueue(context.options.queue_bytes)
            self._committer = Committer(context, self._id, self._queue)
        except BaseException:
            self._life.release(unlink=True)
            raise

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
        with self._lock:
            self._check_open()
            lock = self._lock_stream(stream)
            try:
                opened = self._take_over(stream, source, finite, run_since_us)
            except BaseException:
                lock.release()
                raise
            self._streams[stream] = _Held(opened=opened, lock=lock)
            return opened.state

    def append(self, frame: Frame, on_ack: Callable[[Ack], None] | None = None, timeout_s: float | None = None) -> bool:
        held = self._held(frame.key.stream).opened
        if frame.key.epoch != held.state.epoch:
            raise InvalidArgumentError(f"frame {frame.key} is not of the epoch being written, {held.state.epoch}")
        return self._put(frame, held.generation, on_ack, timeout_s)

    def spool(self, frame: Frame, on_ack: Callable[[Ack], None], timeout_s: float | None) -> bool:
        """Append a frame whose key was made elsewhere; its stream need not be open. For a log that one process has for itself. Else
        as `append`."""
        return self._put(frame, None, on_ack, timeout_s)

    def _put(
        self, frame: Frame, generation: int | None, on_ack: Callable[[Ack], None] | None, timeout_s: float | None
    ) -> bool:
        if len(frame.payload) > MAX_PAYLOAD_BYTES:
            raise InvalidArgumentError(
                f"frame {frame.key} has {len(frame.payload)} bytes; {MAX_PAYLOAD_BYTES} are allowed"
            )
        from crc32c import crc32c

        item = PendingFrame(frame=frame, crc=crc32c(frame.payload), generation=generation, on_ack=on_ack)
        return self._queue.put(item, timeout_s)

    def taken(self, stream: str) -> frozenset[str]:
        return self._held(stream).opened.taken

    def keep_account(self, account: IngestAccount) -> None:
        held = self._held(account.stream).opened
        self._queue.put(PendingAccount(account=account, generation=held.generation), None)

    def finish_pass(self, stream: str) -> None:
        held = self._held(stream).opened
        self._queue.put(_change(held.state, held.generation, finished=True), None)

    def next_pass(self, stream: str) -> StreamState:
        held = self._held(stream)
        last, generation = held.opened.state, held.opened.generation
        state = StreamState(stream=stream, epoch=next_epoch(last.epoch), next_seq=0, pass_index=last.pass_index + 1)
        self._queue.put(_change(state, generation, finished=False), None)
        with self._lock:
            self._streams[stream] = replace(held, opened=OpenedStream(state=state, generation=generation))
        return state

    def close_stream(self, stream: str, timeout_s: float) -> bool:
        self._lock.check()
        if not self._queue.wait_done_of(stream, timeout_s):
            return False
        with self._lock:
            held = self._streams.pop(stream, None)
        if held is not None:
            held.lock.release()
        return True

    def flush(self, timeout_s: float) -> bool:
        with self._lock:
            self._check_open()
        return self._queue.wait_done(timeout_s)

    @property
    def stalled(self) -> str:
        return self._committer.stalled

    def close(self) -> None:
        if self._lock.left:
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._drain(Deadline.after(WRITER_CLOSE_S)):
            for held in self._streams.values():
                held.lock.release()
            self._life.release(unlink=True)

    @property
    def closed(self) -> bool:
        return self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _drain(self, deadline: Deadline) -> bool:
        """Drain the queue and return whether the thread has ended. Until then it may commit, and its streams and segment are in
        use."""
        self._queue.close()
        self._queue.wait_drained(deadline.remaining_s)
        ended = self._committer.stop(max(1.0, deadline.remaining_s))
        if not ended:
            logger.warning("the writer of %s still waits for an acknowledgement callback", self._context.paths.root)
        if left := self._queue.undone:
            why = self._committer.stalled or self._queue.failure or "the time is up"
            logger.warning("%d frames were not taken by the log at close: %s", left, why)
        return ended

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this writer of the log is closed")

    def _held(self, stream: str) -> _Held:
        with self._lock:
            self._check_open()
            if stream not in self._streams:
                raise InvalidArgumentError(f"stream {stream!r} is not open in this writer: call open_stream first")
            return self._streams[stream]

    def _lock_stream(self, stream: str) -> FileLock:
        if stream in self._streams:
            raise StreamBusyError(f"stream {stream} is open in this writer already: give each source its own --stream")
        path = self._context.paths.stream_lock(stream)
        with translated(path):
            lock = FileLock.try_acquire(path)
        if lock is None:
            raise StreamBusyError(
                f"stream {stream} is being written by process {holder_of(path)} in {self._context.paths.root}: "
                "stop it, or name this source otherwise with --stream"
            )
        return lock

    def _take_over(self, stream: str, source: str, finite: bool, run_since_us: int | None) -> OpenedStream:
        index = self._context.paths.index
        db = connect(index)
        try:
            with transaction(db, index):
                return open_stream_row(
                    db, stream, source=source, finite=finite, writer=self._id, run_since_us=run_since_us
                )
        finally:
            db.close()


def _change(state: StreamState, generation: int, *, finished: bool) -> PassChange:
    return PassChange(
        stream=state.stream,
        generation=generation,
        epoch=state.epoch,
        pass_index=state.pass_index,
        finished=finished,
    )
