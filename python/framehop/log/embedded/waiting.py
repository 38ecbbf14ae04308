"""Wait for the log to change."""

from __future__ import annotations

from framehop import _core
from framehop.timing import Deadline

BACKSTOP_S = 0.25  # a process that dies between its commit and its ring must not leave others asleep


def wait_for_change(bell: _core.Bell, sampled: int, deadline: Deadline) -> None:
    """Sleep until the bell rings after `sampled` was taken, the deadline comes, or the backstop is over."""
    bell.wait(sampled, min(deadline.remaining_s, BACKSTOP_S))
