"""A test's wait: for a thing, not for seconds."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], object], what: str, timeout_s: float = 30.0) -> None:
    """Call `condition` until it is true. Its deadline only ever comes when the test fails, which then names what did not come."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.002)
