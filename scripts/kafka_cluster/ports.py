from __future__ import annotations

import secrets
import socket

# Below what Linux hands out to outgoing connections (net.ipv4.ip_local_port_range): a killed broker finds its ports again.
FREE_RANGE = range(20_000, 32_768)


def chosen_ports(first: int, brokers: int, *, listeners: int) -> list[list[int]]:
    """Per broker one port a listener: the clients' ports follow `first`, each further listener is 10 up; 0 takes free ones."""
    if first == 0:
        free = _free_ports(brokers * listeners)
        return [free[broker::brokers] for broker in range(brokers)]
    return [[first + broker + 10 * listener for listener in range(listeners)] for broker in range(brokers)]


def _free_ports(count: int) -> list[int]:
    found: set[int] = set()
    while len(found) < count:
        port = FREE_RANGE[secrets.randbelow(len(FREE_RANGE))]
        if is_free(port):
            found.add(port)
    return sorted(found)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Kafka: closed connections do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
