"""The server of the page: a socket, an event loop in a thread of its own, and what it serves."""

from __future__ import annotations

import ipaddress
import socket
import threading
from dataclasses import dataclass
from typing import Self

import uvicorn

from framehop.errors import ConfigError, ProcessError
from framehop.log import LogAt
from framehop.web.access import Access, Token, make_token
from framehop.web.app import make_app
from framehop.web.desk import Desk
from framehop.web.protocol import ImpatientProtocol

LOOPBACK = "127.0.0.1"
PORT = 8642
TRIED_PORTS = 20  # from PORT on, where none was asked for
MAX_CONNECTIONS = 512
START_S = 30.0
CLOSE_S = 5.0
GRACE_S = 1  # what requests under way may take at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAddress:
    """The address at which the page is served. `port`: 0 for any that is free, None for PORT or the next free one. `tokens`: none
    for everybody on loopback; on another address one to look is made then."""

    host: str = LOOPBACK
    port: int | None = None
    tokens: tuple[Token, ...] = ()


class PageServer:
    """Serves the page of one log until it is closed. Any thread may make and close it."""

    def __init__(self, at: LogAt, address: PageAddress = PageAddress()) -> None:
        """Bind the address and begin to serve. Raises ConfigError for an address that cannot be had and for a place where there can
        never be a log, LogError."""
        at.check()
        self._socket = _bound(address)
        self.host, self.port = self._socket.getsockname()[:2]
        loopback = ipaddress.ip_address(self.host).is_loopback
        self.token = "" if loopback or address.tokens else make_token()
        tokens = (Token(text=self.token),) if self.token else address.tokens
        names = {"localhost"} if loopback else {"localhost", address.host, socket.gethostname(), socket.getfqdn()}
        try:
            self._desk = Desk(at)
        except BaseException:
            self._socket.close()
            raise
        app = make_app(self._desk, Access(tokens), names=names, loopback=loopback, cookie=f"framehop-{self.port}")
        self._server = uvicorn.Server(_settings(app))
        self._thread = threading.Thread(target=self._serve, name="framehop-ui", daemon=True)
        self._failure = ""
        self._started = threading.Event()
        self._thread.start()
        self._await_start()

    @property
    def url(self) -> str:
        """The address to open in a browser on this host."""
        shown = ipaddress.ip_address(self.host)
        host = socket.gethostname() if shown.is_unspecified else f"[{shown}]" if shown.version == 6 else str(shown)
        return f"http://{host}:{self.port}/"

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except BaseException as error:  # noqa: BLE001  the maker is told
            self._failure = str(error) or type(error).__name__

    def _await_start(self) -> None:
        """Wait until requests are answered."""
        waited = threading.Event()
        for _ in range(int(START_S / 0.02)):
            if self._server.started or not self._thread.is_alive():
                break
            waited.wait(0.02)
        if not self._server.started:
            self.close()
            raise ProcessError(f"the page cannot be served: {self._failure or f'no start within {START_S:.0f} s'}")

    def close(self) -> None:
        """End the server and its threads. Closing twice is harmless."""
        self._desk.feed.end()  # before the server looks whether anybody is left, whom it would cut off with a traceback
        self._server.should_exit = True
        self._thread.join(CLOSE_S)
        self._desk.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _settings(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # an ASGI application, which uvicorn has its own types for
        http=ImpatientProtocol,
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        log_level="error",  # what strangers send is no news for the terminal
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_S,
        backlog=128,
    )


def _bound(address: PageAddress) -> socket.socket:
    """Return a socket bound to the address. Raises ConfigError."""
    try:
        family, _, _, _, place = socket.getaddrinfo(
            address.host, address.port or 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError, OverflowError) as error:
        raise ConfigError(f"{address.host[:256]}: no such address on this host: {error}") from error
    ports = range(PORT, PORT + TRIED_PORTS) if address.port is None else (address.port,)
    reason = ""
    for port in ports:
        try:
            return _listening(family, (place[0], port))
        except OSError as error:
            reason = error.strerror or str(error)
    asked = address.port if address.port is not None else f"{PORT} to {PORT + TRIED_PORTS - 1}"
    raise ConfigError(f"{address.host} port {asked}: {reason}; choose another port, 0 for any that is free")


def _listening(family: int, place: tuple[object, int]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener
