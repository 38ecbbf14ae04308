"""Bounds who connects to an ipc:// socket of pyzmq. libzmq takes in whoever comes, and aborts the process when a stranger takes its
last descriptor. A directory of mode 0700 keeps other users away, but not a program of the same one that connects without end."""

from __future__ import annotations

import logging
import os
import socket as sockets
import struct
from typing import Self

import zmq

from framehop import _core
from framehop.errors import SystemCallError

logger = logging.getLogger(__name__)

# libzmq stands still while more of its events wait to be heard than the bounds of both ends allow together, so no more get in
# unnoticed: its own default, and the one that is set here.
UNHEARD = 1001
SO_COOKIE = 57  # a number that the kernel gives to one socket only
COOKIE_BYTES = 8
AT_ONCE = 16  # that a look hears of: it must return, however fast strangers come
CLOSE_MS = 10_000
# The first part of an event: its kind and its value. pyzmq's own function for it brings all of asyncio and ssl along.
_EVENT = struct.Struct("=Hi")


def _copied(fd: int) -> sockets.socket:
    """Return a socket over a copy of its descriptor. Raises OSError, also for what is no socket any more."""
    copy = os.dup(fd)
    try:
        return sockets.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise


class Guests:
    """The connections of one socket, of which `most` are kept and later ones ended. Use from the socket's thread: `look` when
    `events` is readable. Close it after the socket."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], path: str, most: int, what: str) -> None:
        """Get ready for a socket that is about to be bound at `path`. Raises SystemCallError when there are too few descriptors
        for so many, and for those who come unnoticed."""
        _core.reserve_descriptors(UNHEARD + most, what)
        self._path, self._most = path, most
        self._here: dict[int, bytes] = {}  # the cookie of each connection, by its descriptor
        self._place = f"inproc://guests-of-{id(self):x}"
        self._watched = False
        self.events: zmq.Socket[bytes] = context.socket(zmq.PAIR)
        self.events.set(zmq.RCVHWM, 1)
        self.events.set(zmq.LINGER, 0)
        self.events.connect(self._place)

    @classmethod
    def where_possible(cls, context: zmq.Context[zmq.Socket[bytes]], path: str, most: int, what: str) -> Guests | None:
        """Return them; None, with a warning, where this process may open too few files for them."""
        try:
            return cls(context, path, most, what)
        except SystemCallError as error:
            logger.warning("many connections to %s at a time could end this process: %s", path, error)
            return None

    def watch(self, socket: zmq.Socket[bytes]) -> None:
        """Begin with it. Call this before the socket is bound."""
        socket.monitor(self._place, zmq.EVENT_ACCEPTED | zmq.EVENT_MONITOR_STOPPED)
        self._watched = True

    def look(self) -> None:
        """Take notice of some of those who have come, and end the connections of those who are too many."""
        for _ in range(AT_ONCE):
            if not self.events.poll(0):
                return
            self._hear()

    def _hear(self) -> bool:
        """Take one event; False for the last one, that libzmq has let go of the socket."""
        kind, value = _EVENT.unpack(self.events.recv_multipart()[0])
        if kind == zmq.EVENT_ACCEPTED:
            self._admit(value)
        return bool(kind != zmq.EVENT_MONITOR_STOPPED)

    def _admit(self, fd: int) -> None:
        if len(self._here) >= self._most:
            self._here = {known: cookie for known, cookie in self._here.items() if self._cookie(known) == cookie}
        cookie = self._cookie(fd, end=len(self._here) >= self._most and fd not in self._here)
        if cookie:
            self._here[fd] = cookie

    def _cookie(self, fd: int, *, end: bool = False) -> bytes:
        """Return the kernel's name of a connection of ours; empty for what is none any more, or has been ended."""
        try:
            with _copied(fd) as connection:
                if connection.getsockname() != self._path:
                    return b""
                if end:
                    connection.shutdown(sockets.SHUT_RDWR)
                    return b""
                return connection.getsockopt(sockets.SOL_SOCKET, SO_COOKIE, COOKIE_BYTES)
        except OSError:
            return b""

    def close(self) -> None:
        """Hear libzmq to its end: an event that nobody takes would hold it up for ever. Closing twice is harmless."""
        if self._watched and not self.events.closed:
            while self.events.poll(CLOSE_MS) and self._hear():
                pass
        self.events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
