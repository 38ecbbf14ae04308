"""A TCP proxy whose connections can be cut, silenced for good, or held up in one direction."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import Literal, Self

Direction = Literal["requests", "answers"]

BLOCK = 1 << 16
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close() sends RST


class _Link:
    """One connection: a socket to either side, and a thread for either direction."""

    def __init__(self, client: socket.socket, broker: socket.socket, gates: dict[Direction, threading.Event]) -> None:
        self._client, self._broker = client, broker
        self.silent = False
        self._threads = [
            threading.Thread(target=self._pump, args=(client, broker, gates["requests"]), daemon=True),
            threading.Thread(target=self._pump, args=(broker, client, gates["answers"]), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _pump(self, source: socket.socket, target: socket.socket, gate: threading.Event) -> None:
        """Drop nothing while the gate is shut: as with TCP after a cut, what was sent arrives when it is open again, even if
        the sender has long gone away."""
        with suppress(OSError):
            while data := source.recv(BLOCK):
                gate.wait()
                if not self.silent:
                    target.sendall(data)
        if not self.silent:  # else the end is not heard of either
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        for side in (self._client, self._broker):
            with suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                side.shutdown(socket.SHUT_RD)  # wakes the thread that reads it
            side.close()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


class TcpProxy:
    """Listens on one port of the loopback and forwards to another. Faults last until `heal`; used by one thread."""

    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self._gates: dict[Direction, threading.Event] = {"requests": threading.Event(), "answers": threading.Event()}
        self._links: list[_Link] = []
        self._links_lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._thread = threading.Thread()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.heal()
        return self

    def __exit__(self, *exc: object) -> None:
        self.cut()
        self._open_gates()
        for link in self._links:
            link.join()

    # ---- faults

    def cut(self) -> None:
        """Every connection is reset, new ones are refused."""
        self._shut()
        with self._links_lock:
            for link in self._links:
                link.reset()

    def silence(self) -> None:
        """Every connection stays open, and nothing will ever come through it again; new ones are refused."""
        self._shut()
        with self._links_lock:
            for link in self._links:
                link.silent = True

    def hold(self, direction: Direction) -> None:
        """Let nothing through in this direction, on new connections either."""
        self._gates[direction].clear()

    def heal(self) -> None:
        """Let everything that was held up arrive, and take new connections again."""
        self._open_gates()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self._port))
            self._thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
            self._thread.start()

    # ---- connections

    def _open_gates(self) -> None:
        for gate in self._gates.values():
            gate.set()

    def _shut(self) -> None:
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            self._thread.join()
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                self._connect(listener.accept()[0])

    def _connect(self, client: socket.socket) -> None:
        try:
            broker = socket.create_connection(("127.0.0.1", self._target))
        except OSError:  # the client sees the end of its connection
            client.close()
            return
        for side in (client, broker):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._links_lock:
            self._links.append(_Link(client, broker, self._gates))
