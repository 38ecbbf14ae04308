"""The commands, and how errors leave the program: one or two lines on stderr and a non-zero status, never a traceback."""

from __future__ import annotations

import errno
import importlib
import logging
import os
import re
import sys
from pathlib import Path

import typer

from framehop._core import __version__, raise_descriptor_limit
from framehop.cli import options
from framehop.cli.commands import App
from framehop.cli.output import complain
from framehop.errors import FramehopError
from framehop.pipeline.processes.bounded_stderr import bound_stderr
from framehop.sources.pillow_picture import hush_pictures

# In the order of the help: each command or group of commands, and the module here that has it.
_HOME = {
    "demo": "demo",
    "ingest": "ingest",
    "detect": "work",
    "run": "work",
    "tail": "tail",
    "tap": "tap",
    "serve-frames": "frames",
    "watch-frames": "frames",
    "annotate": "read",
    "audit": "read",
    "lag": "lag",
    "status": "status",
    "ui": "ui",
    "doctor": "doctor",
    "bench": "bench",
    "deadletter": "deadletter",
    "keys": "keys",
    "model": "model",
    "ring": "ring",
    "stream": "stream",
    "topics": "topics",
}
_GROUPS = {"bench", "deadletter", "keys", "model", "ring", "stream", "topics"}
_WORKERS = {"demo", "ingest", "detect", "run", "serve-frames", "ui"}  # what others wait for


def make_app(wanted: str = "") -> App:
    """Make the program with the command or group `wanted` alone, whose modules are all that is loaded; with every command if there
    is none of that name, for the help and for the error that names them."""
    app = App(
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Detect objects on many video streams: frames into a durable log, one durable event per frame out.",
    )
    app.callback(invoke_without_command=True)(common)
    for name in [wanted] if wanted in _HOME else _HOME:
        module = importlib.import_module(f"framehop.cli.{_HOME[name]}")
        if name in _GROUPS:
            app.add_typer(module.app, name=name)
        else:
            app.command()(getattr(module, name.replace("-", "_")))
    return app


def common(
    context: typer.Context,
    verbose: options.Verbose = 0,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """Handle the options of every command."""
    if version:
        print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)


def _wanted(words: list[str]) -> str:
    """Return the command that the program's arguments ask for: the first word behind how much to say. Anything else before it may
    need every command."""
    return next((word for word in words if not re.fullmatch("-v+|--verbose", word)), "")


def main() -> None:
    """Run the command that the arguments ask for."""
    wanted = _wanted(sys.argv[1:])
    if wanted in _WORKERS:
        bound_stderr()
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    hush_pictures()
    raise_descriptor_limit()
    try:
        make_app(wanted)()
    except FramehopError as error:
        complain(str(error))
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has gone (framehop tail | head); this keeps the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        complain(f"{error.filename or _nameless(error)}: {error.strerror or error}")
        sys.exit(1)


def _nameless(error: OSError) -> str:
    """Return what a system call without a file was about."""
    if isinstance(error, FileNotFoundError):
        try:
            Path.cwd()
        except FileNotFoundError:
            return "the current directory was removed; change to another one (cd), or give every path from / on"
    if error.errno == errno.ENOSPC:
        return "what was to be written finds no room"
    return "a system call"
