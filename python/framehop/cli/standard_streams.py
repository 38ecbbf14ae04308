"""Opens what a daemon's parent has closed of stdin, stdout and stderr."""

from __future__ import annotations

import os
import sys


def open_closed_streams() -> None:
    """Open /dev/null in the place of each standard stream that is closed. Else the next file that is opened takes its number, and
    what a library prints would end up in a segment of the log. Call it before anything is opened."""
    for number in range(3):
        _open_if_closed(number)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115  open as long as the process
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, and those below are open
        os.set_inheritable(opened, True)
