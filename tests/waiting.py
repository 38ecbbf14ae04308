"""A test's wait: for a thing, not for seconds."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], object], what: str, timeout_s: float = 60.0) -> None:
    """Call `condition` until it is true. Its deadline only ever comes when the test fails, which then names what did not come.

    The longer a call takes the fewer there are: who waits leaves the processor to those who are waited for."""
    deadline = time.monotonic() + timeout_s
    began = time.monotonic()
    while not condition():
        now = time.monotonic()
        assert now < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(min(0.5, max(0.002, 4 * (now - began))))
        began = time.monotonic()
