"""Threads for what blocks: reading the log and the index, decoding and encoding pictures."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from framehop.pipeline.aside import promised
from framehop.web.errors import ApiError

T = TypeVar("T")

CALL_S = 10.0


class Pool:
    """A few threads and a short queue before them. The interpreter does not wait for them at its end, so that a broker that does
    not answer holds nobody up. `submit` and `close` may be called from any thread, `run` in an event loop."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        """`waiting`: the most calls that wait for a thread; more are refused."""
        self._calls: queue.Queue[Callable[[], None] | None] = queue.Queue(maxsize=threads + waiting)
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{index}", daemon=True) for index in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Queue `call`. Raises ApiError when too many wait already, or after `close`."""
        future, work = promised(call)
        try:
            if self._closed:
                raise queue.Full
            self._calls.put_nowait(work)
        except queue.Full:
            raise ApiError(503, "too many requests wait for this already: try again", retry_after_s=1) from None
        return future

    async def run(self, call: Callable[[], T], timeout_s: float = CALL_S) -> T:
        """Return the result of `call`. Raises ApiError when there is none in time; a call that has begun then goes on by itself."""
        submitted = self.submit(call)
        future = asyncio.wrap_future(submitted)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(future)
        except TimeoutError:
            future.add_done_callback(_forget)
            submitted.cancel()  # unless it has begun: a host that is too slow must not work for those who have left
            raise ApiError(
                504, f"no answer within {timeout_s:.0f} s: the log or this host is slow; try again"
            ) from None

    def _work(self) -> None:
        while (work := self._calls.get()) is not None:
            work()
            del work  # it keeps the call's objects alive

    def close(self) -> None:
        """Take no more calls, and end each thread after the call that it is at. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        while not self._calls.empty():
            try:
                self._calls.get_nowait()
            except queue.Empty:
                break
        for _ in self._threads:
            self._calls.put(None)


def _forget(future: asyncio.Future[T]) -> None:
    """Take note of the late call's error, so that the loop does not log it."""
    if not future.cancelled():
        future.exception()
