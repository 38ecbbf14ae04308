"""The command ui: the page of a log."""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from framehop.cli import options
from framehop.cli.commands import end_if_interrupted
from framehop.cli.option_values import log_at
from framehop.cli.output import write_json_line
from framehop.cli.page import tell_page
from framehop.pipeline.stop import stop_on_signals


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """The address of the page. `token`: made for it, empty if there is none or it came from a file."""

    url: str
    token: str


def ui(
    log: options.Log = "",
    config: options.Config = None,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help="Where to serve it: an address or name of this host; 0.0.0.0 is all. All but 127.0.0.1 need a token.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            metavar="N",
            show_default=False,
            help="Default: 8642, or the next one that is free; 0: any that is free.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            show_default=False,
            help="Have everybody log in with a token of the file, one a line. Whoever has one with 'control' behind it may pause "
            "and resume streams, too. Without this option, a token to look is made where one is needed.",
        ),
    ] = None,
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Show a log in the browser: live pictures with their boxes, events, figures. Waits for a log that is not there yet."""
    from framehop.web.access import read_tokens  # the other commands do not need the extra `web`
    from framehop.web.child import NICE
    from framehop.web.server import PageAddress, PageServer

    os.nice(NICE)
    address = PageAddress(host=host, port=port, tokens=read_tokens(token_file) if token_file else ())
    with stop_on_signals() as stop:
        with PageServer(log_at(log, config), address) as page:
            if json:
                write_json_line(msgspec.json.encode(Served(url=page.url, token=page.token)))
            else:
                tell_page(page.url, page.token)
            select.select([stop], [], [])
        end_if_interrupted(stop)
