"""The other end of a ZeroMQ socket without libzmq, for what libzmq would never send: ZMTP 3.0 with the NULL mechanism, by hand."""

from __future__ import annotations

import socket
import struct

_SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
_GREETING = _SIGNATURE + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
_READY = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6)
_MORE, _LONG, _COMMAND = 1, 2, 4


def part(data: bytes, *, more: bool) -> bytes:
    """Return one part of a message as it lies on the wire."""
    flags = _MORE if more else 0
    if len(data) < 256:
        return bytes((flags, len(data))) + data
    return bytes((flags | _LONG,)) + struct.pack(">Q", len(data)) + data


def connect(address: str) -> socket.socket:
    """Connect to a ROUTER at `tcp://HOST:PORT` as a DEALER, and go through the handshake."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    return _shaken(socket.create_connection((host, int(port)), timeout=60), b"DEALER")


def accept(listener: socket.socket) -> socket.socket:
    """Accept a DEALER as a ROUTER, and go through the handshake."""
    peer, _ = listener.accept()
    peer.settimeout(60)
    return _shaken(peer, b"ROUTER")


def _shaken(peer: socket.socket, kind: bytes) -> socket.socket:
    ready = _READY + kind
    try:
        peer.sendall(_GREETING)
        _receive(peer, len(_GREETING))
        peer.sendall(bytes((_COMMAND, len(ready))) + ready)
        _, length = _receive(peer, 2)
        _receive(peer, length)
    except BaseException:
        peer.close()
        raise
    return peer


def _receive(peer: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = peer.recv(size - len(data))
        if not chunk:
            raise ConnectionError("the other end closed the connection in the middle of the handshake")
        data += chunk
    return data
