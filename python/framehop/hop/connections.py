"""Hears what libzmq tells of a socket's connections, and reaches the connections themselves, by pyzmq alone. libzmq has no call
that ends one, so this goes by their descriptors."""

from __future__ import annotations

import errno
import os
import socket as sockets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import zmq

from framehop.errors import SystemCallError

COOKIE_BYTES: Final = 8
CLOSE_MS: Final = 10_000
_SO_COOKIE = 57  # a number that the kernel gives to one socket only
# The first part of an event: its kind and its value. pyzmq's own function for it brings all of asyncio and ssl along.
_EVENT = struct.Struct("=Hi")


def need_descriptors(count: int, what: str) -> None:
    """Raise SystemCallError when fewer file descriptors are left than `what` needs: libzmq aborts a process that has none left."""
    held: list[int] = []
    try:
        while len(held) < count:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        raise SystemCallError(
            f"{what} needs {count} file descriptors, and only {len(held)} are left: {error.strerror}; raise the limit with "
            "`ulimit -n`, or close some"
        ) from error
    finally:
        for fd in held:
            os.close(fd)


class SocketEvents:
    """The events of one socket. Use it from the socket's thread. libzmq's own thread stands still while many events wait, so hear
    them now and then."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._place = f"inproc://events-of-{id(self):x}"
        self._watched = False
        self.socket: zmq.Socket[bytes] = context.socket(zmq.PAIR)
        """Is readable when there is an event to hear."""
        self.socket.set(zmq.RCVHWM, 1)
        self.socket.set(zmq.LINGER, 0)
        self.socket.connect(self._place)

    def watch(self, socket: zmq.Socket[bytes], kinds: int) -> None:
        """Begin with a socket, before it is bound or connected."""
        socket.monitor(self._place, kinds | zmq.EVENT_MONITOR_STOPPED)
        self._watched = True

    def try_next(self) -> tuple[int, int] | None:
        """Return the kind and the value of the next event; None while there is none."""
        return self._take() if self.socket.poll(0) else None

    def _take(self) -> tuple[int, int]:
        kind, value = _EVENT.unpack(self.socket.recv_multipart()[0])
        return kind, value

    def close(self) -> None:
        """Hear libzmq to its end, after the socket was closed: an event that nobody takes would hold it up for ever. Closing twice
        is harmless."""
        if self._watched and not self.socket.closed:
            while self.socket.poll(CLOSE_MS) and self._take()[0] != zmq.EVENT_MONITOR_STOPPED:
                pass
        self.socket.close()


@contextmanager
def connection_at(fd: int) -> Iterator[sockets.socket]:
    """Lend a socket over a descriptor of libzmq's, which stays libzmq's. Raises OSError, also for what is no socket any more.

    It is no copy: the number may be a file's by now, and closing a copy of that would end this process's locks on it (fcntl(2)), by
    which SQLite keeps others out."""
    if fd < 0:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    connection = sockets.socket(fileno=fd)
    try:
        yield connection
    finally:
        connection.detach()


def cookie_of(connection: sockets.socket) -> bytes:
    """Return the kernel's name of a connection, which no other ever has; `COOKIE_BYTES` bytes."""
    return connection.getsockopt(sockets.SOL_SOCKET, _SO_COOKIE, COOKIE_BYTES)
