"""Bounds who connects to an ipc:// socket of pyzmq. libzmq takes in whoever comes, and aborts the process when a stranger takes its
last descriptor. A directory of mode 0700 keeps other users away, but not a program of the same one that connects without end."""

from __future__ import annotations

import logging
import socket as sockets
from typing import Self

import zmq

from framehop import _core
from framehop.errors import SystemCallError
from framehop.hop.connections import SocketEvents, connection_at, cookie_of

logger = logging.getLogger(__name__)

# libzmq stands still while more of its events wait to be heard than the bounds of both ends allow together, so no more get in
# unnoticed: its own default, and the one that SocketEvents sets.
UNHEARD = 1001
AT_ONCE = 16  # that a look hears of: it must return, however fast strangers come


class Guests:
    """The connections of one socket, of which `most` are kept and later ones ended. Use from the socket's thread: `look` when
    `events` is readable. Close it after the socket."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], path: str, most: int, what: str) -> None:
        """Get ready for a socket that is about to be bound at `path`. Raises SystemCallError when there are too few descriptors
        for so many, and for those who come unnoticed."""
        _core.reserve_descriptors(UNHEARD + most, what)
        self._path, self._most = path, most
        self._here: dict[int, bytes] = {}  # the cookie of each connection, by its descriptor
        self._events = SocketEvents(context)

    @classmethod
    def where_possible(cls, context: zmq.Context[zmq.Socket[bytes]], path: str, most: int, what: str) -> Guests | None:
        """Return them; None, with a warning, where this process may open too few files for them."""
        try:
            return cls(context, path, most, what)
        except SystemCallError as error:
            logger.warning("many connections to %s at a time could end this process: %s", path, error)
            return None

    @property
    def events(self) -> zmq.Socket[bytes]:
        """Is readable when there is something to look at."""
        return self._events.socket

    def watch(self, socket: zmq.Socket[bytes]) -> None:
        """Begin with it. Call this before the socket is bound."""
        self._events.watch(socket, zmq.EVENT_ACCEPTED)

    def look(self) -> None:
        """Take notice of some of those who have come, and end the connections of those who are too many."""
        for _ in range(AT_ONCE):
            event = self._events.try_next()
            if event is None:
                return
            if event[0] == zmq.EVENT_ACCEPTED:
                self._admit(event[1])

    def _admit(self, fd: int) -> None:
        if len(self._here) >= self._most:
            self._here = {known: cookie for known, cookie in self._here.items() if self._cookie(known) == cookie}
        cookie = self._cookie(fd, end=len(self._here) >= self._most and fd not in self._here)
        if cookie:
            self._here[fd] = cookie

    def _cookie(self, fd: int, *, end: bool = False) -> bytes:
        """Return the kernel's name of a connection of ours; empty for what is none any more, or has been ended."""
        try:
            with connection_at(fd) as connection:
                if connection.getsockname() != self._path:
                    return b""
                if end:
                    connection.shutdown(sockets.SHUT_RDWR)
                    return b""
                return cookie_of(connection)
        except OSError:
            return b""

    def close(self) -> None:
        """Closing twice is harmless."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
