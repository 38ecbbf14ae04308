"""The streams of which taps want to hear."""

from __future__ import annotations

import contextlib
import socket as sockets
from collections import Counter

import zmq

from framehop.hop.connections import connection_at
from framehop.pipeline.taps.notices import topic_of

# Words on one connection, of two for each stream that a tap turns to and away from. Whoever has said more has to come again: libzmq
# keeps all that one connection has subscribed to, without a bound. An honest tap connects again by itself, and misses a moment.
MOST = 8192


class Subscriptions:
    """The topics subscribed to at a publisher's socket, bound at `path`. Use from the socket's thread."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._topics: set[bytes] = set()
        # By descriptor. Its number may be another connection's later, which is then cut off early, once.
        self._words: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._topics)

    def wants(self, stream: str) -> bool:
        """Whether anybody wants to hear of it, or of all streams."""
        return bool(self._topics) and not self._topics.isdisjoint((topic_of(""), topic_of(stream)))

    def names(self, stream: str) -> bool:
        """Whether anybody has subscribed to this very stream."""
        return topic_of(stream) in self._topics

    def take(self, message: zmq.Frame) -> None:
        """Take one of libzmq's messages: a topic that has got its first tap, or lost its last."""
        said = message.bytes
        if said[:1] == b"\x01":
            self._topics.add(said[1:])
        else:
            self._topics.discard(said[1:])
        with contextlib.suppress(zmq.ZMQError):  # libzmq says it for a tap that has gone, and names no connection then
            self._count(int(message.get("__fd")))

    def _count(self, fd: int) -> None:
        self._words[fd] += 1
        if self._words[fd] <= MOST:
            return
        del self._words[fd]
        with contextlib.suppress(OSError), connection_at(fd) as connection:
            if connection.getsockname() == self._path:
                connection.shutdown(sockets.SHUT_RDWR)

    def clear(self) -> None:
        """Forget all, at the end of the socket."""
        self._topics.clear()
        self._words.clear()
