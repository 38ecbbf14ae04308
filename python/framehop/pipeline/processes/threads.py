"""Starting threads where memory may end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from types import FrameType

from framehop.budgets import THREAD_START_S


def start_threads(threads: Iterable[threading.Thread], *, within_s: float = THREAD_START_S) -> None:
    """Start threads from the main thread. Raises MemoryError when they have not all begun in time: one that has no memory ends
    before it says that it has begun, for which Python would wait for ever."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise MemoryError(f"a thread did not begin within {within_s:g} s, as without memory for it")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, within_s)
    try:
        for thread in threads:
            thread.start()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
