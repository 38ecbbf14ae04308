"""What every command prints with: data on stdout, everything for people on stderr."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.markup import escape

# Where no terminal is, a line is a line, however long: what reads it must not find half of it on the next one.
UNWRAPPED = 10_000


def _console(*, stderr: bool = False) -> Console:
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, width=None if terminal else UNWRAPPED)


console = _console(stderr=True)
out = _console()


def complain(message: str) -> None:
    """An error, for a person to act on."""
    console.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)


def note(message: str) -> None:
    console.print(escape(message), soft_wrap=True)


def write_json_line(line: bytes) -> None:
    """One JSON document on a line of its own on stdout, at once: a pipe's reader sees it now."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
