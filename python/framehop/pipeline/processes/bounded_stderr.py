"""Keeps a process of framehop's own from standing still because nobody reads its stderr.

A service that starts a command with a pipe for its stderr and never reads from it fills that pipe, after 64 KiB on Linux. Whoever
writes then waits for a room that never comes, and the supervisor would watch over nothing any more.
"""

from __future__ import annotations

import io
import os
import select
import socket
import stat
import sys
import threading
from typing import TYPE_CHECKING

from framehop.timing import Deadline

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

WAIT_S = 1.0  # a reader that is at work makes room by then; well below HANG_S, after which a silent process is killed


def bound_stderr() -> None:
    """Let no write to stderr wait for longer than WAIT_S, be it ours or, if it is a pipe or a terminal that we may open, a
    library's. Call it before anything is logged, and only in a process of framehop's own. What a program has put in the place of
    `sys.stderr` stays."""
    before = sys.stderr
    replaced = before is not sys.__stderr__
    if replaced or not before:  # it is None where stderr is closed
        return
    before.flush()
    bounded = BoundedWriter(before.fileno())
    sys.stderr = io.TextIOWrapper(
        bounded, encoding=before.encoding, errors="backslashreplace", line_buffering=True, write_through=True
    )


class BoundedWriter(io.RawIOBase):
    """Writes whole lines to a descriptor that it does not own. What finds no room within `wait_s`, or none on a disk, or no reader
    any more, is dropped and counted; how many lines that were is said as soon as there is room, and until then nothing waits at
    all. Thread-safe. A write does not raise OSError: the work is worth more than the messages about it.

    A pipe or a terminal at `number` is opened anew under the same number, as one that is not waited for.
    """

    def __init__(self, number: int, wait_s: float = WAIT_S) -> None:
        super().__init__()
        self._number, self._wait_s = number, wait_s
        # A pipe that has room has it for so much, and a write of no more than that does not wait.
        self._piece = None if _open_anew(number) else select.PIPE_BUF
        self._socket = _socket_at(number)
        self._room = select.poll()
        self._room.register(number, select.POLLOUT)
        self._lock = threading.RLock()  # a signal handler may write while its thread does
        self._dropped = 0
        self._cut = False  # what came through last does not end a line

    def write(self, data: ReadableBuffer) -> int:
        """Write `data`, or as much of it as finds room in time; return its length in any case."""
        text = bytes(data)
        with self._lock:
            done = self._put(text, self._wait_s) if self._has_told() else 0
            if done < len(text):
                self._dropped += max(1, text.count(b"\n", done))
        return len(text)

    def flush(self) -> None:
        super().flush()
        with self._lock:
            self._has_told()

    def _has_told(self) -> bool:
        """Return whether it is said how many lines were dropped, if any were; say it if there is room."""
        if not self._dropped:
            return True
        start = "\n" if self._cut else ""
        told = f"{start}WARNING framehop: {self._dropped} lines are missing here, as there was no room for them\n"
        if self._put(told.encode(), 0.0) < len(told):
            return False
        self._dropped = 0
        return True

    def _put(self, text: bytes, wait_s: float) -> int:
        """Write what finds room within `wait_s`, and return how many bytes that were."""
        deadline = Deadline.after(wait_s)
        done = 0
        while done < len(text) and self._room.poll(deadline.remaining_s * 1000):
            try:
                done += self._send(text[done:][: self._piece])
            except BlockingIOError:  # another process took the room
                if deadline.expired:
                    break
            except OSError:  # the disk of a file is full, the reader of a pipe or a terminal is gone
                break
        if done:
            self._cut = text[done - 1 : done] != b"\n"
        return done

    def _send(self, text: bytes) -> int:
        return self._socket.send(text, socket.MSG_DONTWAIT) if self._socket else os.write(self._number, text)

    def close(self) -> None:
        super().close()
        if self._socket is not None:
            self._socket.close()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)


def _open_anew(number: int) -> bool:
    """Have writes to the pipe or terminal at `number` refused rather than kept waiting; return False where that cannot be had.
    O_NONBLOCK would hold for everybody who shares what was opened, such as the shell; so it is opened once more. A file is left
    alone: its position is shared too."""
    if not (stat.S_ISFIFO(os.fstat(number).st_mode) or os.isatty(number)):
        return True
    try:
        own = os.open(f"/proc/self/fd/{number}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # no more readers; or another user's, as where root made the pipe and started us as somebody else
        return False
    os.dup2(own, number)
    os.close(own)
    return True


def _socket_at(number: int) -> socket.socket | None:
    """Return the socket at `number`, which journald and Node give to whom they start: it cannot be opened anew."""
    return socket.socket(fileno=os.dup(number)) if stat.S_ISSOCK(os.fstat(number).st_mode) else None
