"""The channel between the supervisor and a process of its: one message per packet over a socket pair.

When one side dies, however it dies, the kernel closes its end at once, and the other side sees that.
"""

from __future__ import annotations

import contextlib
import socket
from types import TracebackType
from typing import Self

import msgspec

from framehop.errors import ProcessError
from framehop.forks import abandon_in_children
from framehop.pipeline.processes.messages import Message, Ready

MAX_PACKET = 1 << 17

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Message)


class Channel:
    """One end of a control pair. Sending never blocks for long: packets are small and the peer reads them. Not thread-safe."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.said_ready = False
        abandon_in_children(self)

    @classmethod
    def pair(cls) -> tuple[Channel, socket.socket]:
        """Return our end, and the socket to hand to the child."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        return cls(ours), theirs

    @classmethod
    def from_fd(cls, fd: int) -> Channel:
        """Return the child's end, made from the descriptor that the child inherited."""
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        sock.set_inheritable(False)
        return cls(sock)

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: Message) -> bool:
        """Send a message; False when the peer is gone, or its queue is full. Raises ProcessError for a message that is too long."""
        packet = _encoder.encode(message)
        if len(packet) > MAX_PACKET:
            raise ProcessError(f"a control message of {len(packet)} bytes is over the limit of {MAX_PACKET}")
        try:
            self._socket.send(packet)
            self.said_ready |= isinstance(message, Ready)
        except (BrokenPipeError, ConnectionResetError, BlockingIOError):
            return False
        return True

    def receive(self) -> list[Message] | None:
        """Return all messages at hand; None when the peer is gone and everything it said was read."""
        messages: list[Message] = []
        while True:
            try:
                packet = self._socket.recv(MAX_PACKET)
            except BlockingIOError:
                return messages
            except ConnectionResetError:
                packet = b""
            if not packet:
                return messages or None
            messages.append(_parse(packet))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def abandon(self) -> None:
        """Close our end in a forked child, so that the other end still sees when the parent is gone."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _parse(packet: bytes) -> Message:
    try:
        message: Message = _decoder.decode(packet)
    except msgspec.MsgspecError as error:
        raise ProcessError(f"a control message does not parse: {error}") from error
    return message
