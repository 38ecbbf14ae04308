"""Bare messages to the socket of a ring."""

from __future__ import annotations

import array
import socket
import struct

ATTACH = struct.Struct("<8sII")
MAGIC = b"FHATTACH"
VERSION = 2
DETECTOR = 2


def knock(path: str, message: bytes) -> tuple[bytes, list[int]]:
    """Send `message`, return the answer and the descriptors that came with it; the connection is closed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(30.0)
        connection.connect(path)
        connection.send(message)
        answer, fds, _, _ = socket.recv_fds(connection, 4096, 8)
        return answer, list(array.array("i", fds))
