"""Loads a model beside the one that runs, and hands it over when it is asked to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from framehop.errors import FramehopError, is_out_of_memory, text_of
from framehop.pipeline.processes.messages import Swap, SwapFailed, SwapLoaded
from framehop.pipeline.wake import Wake

logger = logging.getLogger(__name__)

LONGEST_REASON = 4096  # characters; far below what a control message holds


class Loaded(Protocol):
    """A loaded model, as far as its loader knows it."""

    def close(self) -> None:
        """Free it. Closing twice is harmless."""


L = TypeVar("L", bound=Loaded)


class SideLoader(Generic[L]):
    """Holds at most one loaded model for the detector's main thread, which alone calls it; each load has a thread of its own.
    `fileno` is readable when there is news."""

    def __init__(self, load: Callable[[Swap], L]) -> None:
        """Prepare to load. `load`: loads, warms up and describes a model, in a thread of its own; what it raises is the reason of a
        failure."""
        self._load = load
        self._wake = Wake()
        self._done: SimpleQueue[tuple[int, L | str]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._wanted = 0
        self._loaded: L | None = None

    def fileno(self) -> int:
        return self._wake.fileno()

    @property
    def busy(self) -> bool:
        """Whether a load is under way, wanted or not. It cannot be interrupted."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return bool(self._threads)

    def begin(self, order: Swap) -> list[SwapLoaded]:
        """Begin to load, and forget a load before it. The same order once more gets the answer it has had."""
        if order.number != self._wanted:
            self.cancel(self._wanted)
            self._wanted = order.number
            self._threads.append(threading.Thread(target=self._run, args=(order,), name="framehop-load", daemon=True))
            self._threads[-1].start()
        return [SwapLoaded(order.number)] if self._loaded else []

    def _run(self, order: Swap) -> None:
        try:
            found: L | str = self._load(order)
        except Exception as error:  # noqa: BLE001  whatever it is, the model that runs is not to suffer
            found = _reason(error)
        self._done.put((order.number, found))
        self._wake.ring()

    def news(self) -> list[SwapLoaded | SwapFailed]:
        """Return what has become of the load that is wanted; close a model that nobody wants any more."""
        self._wake.clear()
        news: list[SwapLoaded | SwapFailed] = []
        while not self._done.empty():
            number, found = self._done.get()
            if number == self._wanted:
                news.append(self._settle(number, found))
            elif not isinstance(found, str):
                found.close()
        return news

    def _settle(self, number: int, found: L | str) -> SwapLoaded | SwapFailed:
        if isinstance(found, str):
            self._wanted = 0
            return SwapFailed(number, found)
        self._loaded = found
        return SwapLoaded(number)

    def take(self, number: int) -> L | None:
        """Hand over the model of that number, which is the caller's to close from now on; None if it is not loaded."""
        if number != self._wanted or self._loaded is None:
            return None
        loaded, self._loaded, self._wanted = self._loaded, None, 0
        return loaded

    def cancel(self, number: int) -> None:
        """Let go of the model of that number, loaded or not. Unknown numbers are ignored."""
        if number == self._wanted:
            loaded, self._loaded, self._wanted = self._loaded, None, 0
            if loaded is not None:
                loaded.close()

    def close(self) -> None:
        """Let go of any model. A load that is under way goes on; see `busy`."""
        self.cancel(self._wanted)


def _reason(error: Exception) -> str:
    if is_out_of_memory(error):
        return f"out of memory: {text_of(error)}"[:LONGEST_REASON]
    if not isinstance(error, FramehopError):
        logger.error("an unforeseen fault while a model was loaded", exc_info=error)
    return text_of(error)[:LONGEST_REASON]
