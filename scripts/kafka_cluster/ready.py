"""Tells whether a broker is ready. It is when it answers a Metadata request with every broker that should run: it then has caught
up with the cluster's metadata, users included, and the controller has let it in. A connection alone is accepted long before.

The request is Kafka's own binary form, https://kafka.apache.org/protocol#The_Messages_Metadata, version 4: the last one that a
dozen lines can speak. Java's tools would take a second and a half for the same answer.
"""

from __future__ import annotations

import socket
import ssl
import struct

METADATA, VERSION, CORRELATION = 3, 4, 1
# No topics, and create none; the client id is empty.
REQUEST = struct.pack("!hhih", METADATA, VERSION, CORRELATION, 0) + struct.pack("!ib", 0, 0)


def known_brokers(host: str, port: int, tls: ssl.SSLContext | None, timeout_s: float = 2.0) -> frozenset[int]:
    """The ids of the brokers that the one there counts as alive; none while it does not answer."""
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            if tls is None:
                return _ask(connection)
            with tls.wrap_socket(connection, server_hostname=host) as secured:
                return _ask(secured)
    except (OSError, EOFError, struct.error):
        return frozenset()


def _ask(connection: socket.socket) -> frozenset[int]:
    connection.sendall(struct.pack("!i", len(REQUEST)) + REQUEST)
    (size,) = struct.unpack("!i", _read(connection, 4))
    return frozenset(_broker_ids(_read(connection, size)))


def _broker_ids(answer: bytes) -> list[int]:
    """int32 correlation, int32 throttle time, then an array of (int32 id, string host, int32 port, nullable string rack)."""
    (count,) = struct.unpack_from("!i", answer, 8)
    ids, at = [], 12
    for _ in range(count):
        broker, host_size = struct.unpack_from("!ih", answer, at)
        at += 6 + host_size + 4
        (rack_size,) = struct.unpack_from("!h", answer, at)
        at += 2 + max(rack_size, 0)
        ids.append(broker)
    return ids


def _read(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise EOFError
        received += part
    return received
