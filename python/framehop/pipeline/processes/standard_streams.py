"""Opens what a daemon's parent has closed of stdin, stdout and stderr."""

from __future__ import annotations

import os
import sys


def open_closed_streams() -> None:
    """Open /dev/null in the place of each standard stream that is closed, for a process of framehop's own. Call it before anything
    is opened."""
    open_closed_numbers()
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115  open as long as the process
    sys.stdout = sys.stdout or open(1, "w", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", errors="replace", closefd=False)  # noqa: SIM115


def open_closed_numbers() -> None:
    """Open /dev/null under each of the numbers 0 to 2 that is closed, and leave `sys` as it is: in a program around a pipeline that
    is the program's. Else the next file that is opened takes the number, here or in a process that is started, and what a library
    prints would end up in a segment of the log."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _open(number)


def _open(number: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, and those below are open
    if opened == number:
        os.set_inheritable(opened, True)
    else:
        os.close(opened)  # another thread has opened something meanwhile
