"""Runs blocking calls for an event loop, one after another, in a thread that the interpreter does not wait for when it exits.

asyncio is loaded by who waits: its import takes as long as ours, and commands have no event loop."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Aside:
    """A thread for blocking calls, from the first call until `close`. We do not use asyncio's own executor, because the
    interpreter joins it at exit, and because others share it and may block it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Queue `call`. Use from one thread at a time, and wait for one call before the next, so that the queue stays short."""
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  the waiter gets it
                future.set_exception(error)

        if self._thread is None:
            self._thread = threading.Thread(target=_run, args=(self._calls,), name=self._name, daemon=True)
            self._thread.start()
        self._calls.put(work)
        return future

    def close(self) -> None:
        """End the thread after the call under way. Closing twice is harmless."""
        self._calls.put(None)


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
    from asyncio import Event, get_running_loop

    loop = get_running_loop()
    woken = Event()

    def wake(_future: Future[T]) -> None:
        with suppress(RuntimeError):  # a closed loop has no waiters
            loop.call_soon_threadsafe(woken.set)

    future.add_done_callback(wake)
    await woken.wait()
    return future.result()
