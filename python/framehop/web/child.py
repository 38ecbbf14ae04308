"""The page as a process of its own, beside a pipeline that does not wait for it and ends it by its own end."""

from __future__ import annotations

import os
import signal
import sys

import msgspec

from framehop.errors import FramehopError
from framehop.log import LogAt
from framehop.pipeline.processes.bounded_stderr import bound_stderr
from framehop.web.server import PageAddress, PageServer

NICE = 10  # the pipeline comes first


class PageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that the process reads on its standard input: one line, as a log's settings may hold passwords."""

    log: LogAt
    host: str
    port: int | None = None


class PageAt(msgspec.Struct, frozen=True, kw_only=True):
    """The one line that the process writes on its standard output: where the page is, with the token that was made for it, or why
    there is none."""

    url: str = ""
    token: str = ""
    error: str = ""


def main() -> int:
    """Serve the page until standard input ends, which it does with the process that started us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches that process, which ends us
    os.nice(NICE)
    bound_stderr()
    try:
        settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=PageSettings)
        with PageServer(settings.log, PageAddress(host=settings.host, port=settings.port)) as page:
            _say(PageAt(url=page.url, token=page.token))
            sys.stdin.buffer.read()
    except (FramehopError, msgspec.MsgspecError) as error:
        _say(PageAt(error=str(error)))
        return 1
    return 0


def _say(said: PageAt) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
