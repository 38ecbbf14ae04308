"""Runs blocking calls for an event loop, one after another, in a thread that the interpreter does not wait for when it exits.

asyncio is loaded by who waits: its import takes as long as ours, and commands have no event loop."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Generic, TypeVar

from framehop.errors import ClosedError

T = TypeVar("T")


def promised(call: Callable[[], T]) -> tuple[Future[T], Callable[[], None]]:
    """Return the future of `call`, and the work that settles it unless the future is cancelled first."""
    future: Future[T] = Future()

    def work() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  the waiter gets it
            future.set_exception(error)

    return future, work


class Aside:
    """A thread for blocking calls, from the first call until `close`. We do not use asyncio's own executor, because the
    interpreter joins it at exit, and because others share it and may block it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Queue `call`. Use from one thread at a time, and wait for one call before the next, so that the queue stays short. Raises
        ClosedError after `close`, when nobody would make the call."""
        future, work = promised(call)
        if self._thread is None:
            self._thread = threading.Thread(target=_run, args=(self._calls,), name=self._name, daemon=True)
            self._thread.start()
        self._calls.put(work)
        if self._closed and future.cancel():  # the thread may have ended before it came to this
            raise ClosedError(f"{self._name} is closed")
        return future

    def close(self) -> None:
        """End the thread after the calls that are queued. Closing twice is harmless."""
        self._closed = True
        self._calls.put(None)


class OneCall(Generic[T]):
    """One kind of blocking call made aside, again and again. If its waiter is cancelled, the next one waits for the call under way,
    so that no result is lost. Use from one task at a time."""

    def __init__(self, name: str) -> None:
        self._aside = Aside(name)
        self._pending: Future[T] | None = None

    async def result_of(self, call: Callable[[], T]) -> T:
        """Return the result of `call`, or of the earlier call whose waiter was cancelled. Raises what that raises. After `close` it
        is made here: by then it must have nothing to wait for."""
        if self._pending is None:
            try:
                self._pending = self._aside.submit(call)
            except ClosedError:
                return call()
        await _done(pending := self._pending)  # a cancellation leaves it pending, even if it came with the result
        self._pending = None
        return pending.result()

    def close(self) -> None:
        """End the thread after the call under way. Closing twice is harmless."""
        self._aside.close()


def _run(calls: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (work := calls.get()) is not None:
        work()
        del work  # it keeps the call's objects alive


async def finished_aside(call: Callable[[], T]) -> T:
    """Return the result of one blocking call. If the task is cancelled meanwhile, wait for the call all the same."""
    from asyncio import CancelledError

    aside = Aside("framehop-aside")
    future = aside.submit(call)
    aside.close()
    try:
        return await result_of(future)
    except CancelledError:
        await result_of(future)
        raise


async def result_of(future: Future[T]) -> T:
    """Wait for `future` in the running loop. Cancelling this does not cancel the call: wait for the same future again."""
    await _done(future)
    return future.result()


async def _done(future: Future[T]) -> None:
    from asyncio import Event, get_running_loop

    loop = get_running_loop()
    woken = Event()

    def wake(_future: Future[T]) -> None:
        with suppress(RuntimeError):  # a closed loop has no waiters
            loop.call_soon_threadsafe(woken.set)

    future.add_done_callback(wake)
    await woken.wait()
