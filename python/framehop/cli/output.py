"""The output of every command: data on stdout, everything for people on stderr."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.markup import escape

# Without a terminal no line is wrapped, however long, so that its reader never finds half of it on the next line.
UNWRAPPED = 10_000


def _console(*, stderr: bool = False) -> Console:
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, width=None if terminal else UNWRAPPED)


console = _console(stderr=True)
out = _console()


def complain(message: str) -> None:
    """Print an error that a person should act on."""
    console.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)


def note(message: str) -> None:
    console.print(escape(message), soft_wrap=True)


def write_json_line(line: bytes) -> None:
    """Write one JSON document as a line to stdout, and flush it so that a pipe's reader sees it now."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
