"""Ends the connection of a sender whose message never ends. libzmq keeps the parts of a message until the last is there, and bounds
the size of each, not their number."""

from __future__ import annotations

import contextlib
import socket as sockets
import struct
import time
from collections.abc import Iterator
from typing import Final

import zmq

from framehop.hop.connections import SocketEvents, connection_at, cookie_of

LOOK_S: Final = 0.1
AT_ONCE = 16  # events that a look hears of: it must return, however fast connections come and go
_TCP_INFO_BYTES = 192
_BYTES_RECEIVED = struct.Struct("=128xQ")  # tcpi_bytes_received in the kernel's struct tcp_info


class SenderBound:
    """Watches the connection of one connecting socket. Use it from the socket's thread, and close it after the socket.

    The count is that of TCP in Linux: over ipc://, and elsewhere, there is none, and nothing is ended."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], socket: zmq.Socket[bytes], address: str, most: int
    ) -> None:
        """Begin with a socket that is about to connect to `address`. `most`: bytes that may come without a whole message."""
        self._port = address.rpartition(":")[2]
        self._most = most
        self._fd = -1  # there is no connection, or it was ended
        self._cookie = b""
        self._bytes = 0  # that had come with the last message
        self._next_look_s = 0.0
        self._events = SocketEvents(context)
        self._events.watch(socket, zmq.EVENT_CONNECTED)

    def note_message(self) -> None:
        """Begin the count anew: a message has come to its end."""
        self._hear()  # it may have come by a new connection
        with contextlib.suppress(OSError), self._connection() as connection:
            self._bytes = _received(connection)

    def look(self) -> bool:
        """End the connection if it has sent too much, and return whether it had. Does its work ten times a second at most."""
        now_s = time.monotonic()
        if now_s < self._next_look_s:
            return False
        self._next_look_s = now_s + LOOK_S
        self._hear()
        with contextlib.suppress(OSError), self._connection() as connection:
            if _received(connection) > self._bytes + self._most:
                connection.shutdown(sockets.SHUT_RDWR)
                self._fd = -1
                return True
        return False

    def _hear(self) -> None:
        for _ in range(AT_ONCE):
            event = self._events.try_next()
            if event is None:
                return
            if event[0] == zmq.EVENT_CONNECTED:
                self._begin(event[1])

    def _begin(self, fd: int) -> None:
        """Go on with a new connection, unless it has ended already: then something else may have its descriptor."""
        self._fd = -1
        with contextlib.suppress(OSError), connection_at(fd) as connection:
            if _peer_port(connection) == self._port:
                self._fd, self._cookie, self._bytes = fd, cookie_of(connection), 0

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sockets.socket]:
        """Lend the connection. Raises OSError when it is gone, even if another has its descriptor."""
        with connection_at(self._fd) as connection:
            if cookie_of(connection) != self._cookie:
                raise OSError("the connection has ended")
            yield connection

    def close(self) -> None:
        """Closing twice is harmless."""
        self._events.close()


def _peer_port(connection: sockets.socket) -> str:
    """Return the port at the other end; empty for what has none."""
    name = connection.getpeername()
    return str(name[1]) if isinstance(name, tuple) else ""


def _received(connection: sockets.socket) -> int:
    """Return how many bytes have come by a connection; 0 where nobody counts them. An older kernel says less of it, and others than
    Linux nothing."""
    if not hasattr(sockets, "TCP_INFO"):
        return 0
    try:
        info = connection.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_INFO, _TCP_INFO_BYTES)
    except OSError:
        return 0
    return int(_BYTES_RECEIVED.unpack_from(info)[0]) if len(info) >= _BYTES_RECEIVED.size else 0
