"""Blocking calls for an event loop, one after another in a thread that no exit of the interpreter waits for."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Aside:
    """The thread begins with the first call and ends with `close`. Not asyncio's own executor: it is joined at the end of the
    interpreter, and shared with whoever blocks it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """From one thread at a time; wait for one call before the next, so that the queue stays short."""
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  handed to who waits
                future.set_exception(error)

        if self._thread is None:
            self._thread = threading.Thread(target=_run, args=(self._calls,), name=self._name, daemon=True)
            self._thread.start()
        self._calls.put(work)
        return future

    def close(self) -> None:
        """The thread ends after the call under way. Twice is harmless."""
        self._calls.put(None)


def _run(calls: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (work := calls.get()) is not None:
        work()
        del work  # it holds whatever it was called on


async def finished_aside(call: Callable[[], T]) -> T:
    """The result of one blocking call, which is waited for even when the task is cancelled meanwhile."""
    aside = Aside("framehop-aside")
    future = aside.submit(call)
    aside.close()
    try:
        return await result_of(future)
    except asyncio.CancelledError:
        await result_of(future)
        raise


async def result_of(future: Future[T]) -> T:
    """Wait for `future` in the running loop. Cancelled, it leaves the call alone: wait for the same future again."""
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()

    def wake(_future: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody waits there any more
            loop.call_soon_threadsafe(woken.set)

    future.add_done_callback(wake)
    await woken.wait()
    return future.result()
