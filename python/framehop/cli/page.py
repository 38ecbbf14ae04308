"""The page of a command that works: a process beside it."""

from __future__ import annotations

import contextlib
import ipaddress
import subprocess
import threading
from dataclasses import dataclass
from typing import IO, Self

import msgspec

from framehop.cli.output import complain, note
from framehop.errors import ConfigError
from framehop.interpreter import run_module
from framehop.log import LogAt

LOOPBACK = "127.0.0.1"
END_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """The address that the page is to have. `port`: None for the usual one or the next that is free."""

    host: str = LOOPBACK
    port: int | None = None


def page_options(*, ui: bool, address: str) -> PageOptions | None:
    """Return what `--ui` and `--ui-address` ask for; None for no page. Raises ConfigError, MissingExtraError."""
    if not (ui or address):
        return None
    import framehop.web  # noqa: F401  says which extra is missing, before anything starts

    host, port = _parsed(address)
    return PageOptions(host=host, port=port)


def _parsed(address: str) -> tuple[str, int | None]:
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(address.strip("[]"))), None
    host, colon, port = address.rpartition(":")
    if not colon:
        return address or LOOPBACK, None
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= 65535):
        raise ConfigError(f"--ui-address takes HOST:PORT, as 0.0.0.0:8642, not {address[:128]!r}")
    return host.strip("[]") or LOOPBACK, int(port)


class PageBeside:
    """Serves the page of `log` in a process of its own while inside, and says where. Nobody waits for it, and a page that fails is
    one line on stderr. Enter it in the main thread."""

    def __init__(self, log: LogAt, options: PageOptions | None) -> None:
        """`options`: None for no page at all."""
        self._log, self._options = log, options
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()

    def __enter__(self) -> Self:
        if self._options is not None:
            self._start(self._options)
        return self

    def _start(self, options: PageOptions) -> None:
        from framehop.web.child import PageSettings

        command = run_module("framehop.web.child")
        try:
            # In a group of its own, as Ctrl-C is for us; the end of its input ends it, however we end.
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)
        except OSError as error:
            complain(f"there is no page: its process cannot be started: {error.strerror}")
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        settings = PageSettings(log=self._log, host=options.host, port=options.port)
        with contextlib.suppress(BrokenPipeError):  # it has died, and says so on stderr
            self._process.stdin.write(msgspec.json.encode(settings) + b"\n")
            self._process.stdin.flush()
        tell = threading.Thread(target=self._tell, args=(self._process.stdout,), name="framehop-page", daemon=True)
        tell.start()

    def _tell(self, output: IO[bytes]) -> None:
        """Say where the page is, once its process says so, and that it has ended, if it does so before we do."""
        with output:
            known = _tell_place(output.readline())
            output.read()  # there is no more; it ends with the process
        if not self._ending.is_set():
            complain(
                "the page has ended by itself; the work goes on" if known else "there is no page; the work goes on"
            )

    def __exit__(self, *exc: object) -> None:
        self._ending.set()
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()  # which ends it
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_S)


def _tell_place(line: bytes) -> bool:
    """Print what a page says of itself; return whether there is one."""
    from framehop.web.child import PageAt

    try:
        said = msgspec.json.decode(line, type=PageAt)
    except msgspec.MsgspecError:
        return False  # it died before it said anything
    if said.error:
        complain(said.error)
        return False
    tell_page(said.url, said.token)
    return True


def tell_page(url: str, token: str) -> None:
    """Print the page's address, and a token that was made for it."""
    note(f"the page: {url}")
    if token:
        note(f"its token: {token}")
