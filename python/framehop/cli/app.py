"""The commands, and how errors leave the program: one or two lines on stderr and a non-zero status, never a traceback."""

from __future__ import annotations

import logging
import os
import sys

import typer

from framehop._core import __version__, raise_descriptor_limit
from framehop.cli import (
    deadletter,
    demo,
    doctor,
    frames,
    keys,
    lag,
    model,
    model_swap,
    options,
    read,
    status,
    stream,
    tail,
    tap,
    topics,
    work,
)
from framehop.cli.commands import App
from framehop.cli.output import complain
from framehop.errors import FramehopError
from framehop.sources.pillow_picture import hush_pictures

app = App(
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Detect objects on many video streams: frames into a durable log, one durable event per frame out.",
)


@app.callback(invoke_without_command=True)
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


app.command()(demo.demo)
app.command()(work.ingest)
app.command()(work.detect)
app.command()(work.run)
app.command()(tail.tail)
app.command()(tap.tap)
app.command()(frames.serve_frames)
app.command()(frames.watch_frames)
app.command()(read.annotate)
app.command()(read.audit)
app.command()(lag.lag)
app.command()(status.status)
app.command()(doctor.doctor)
model.app.command()(model_swap.swap)
app.add_typer(deadletter.app, name="deadletter")
app.add_typer(keys.app, name="keys")
app.add_typer(model.app, name="model")
app.add_typer(stream.app, name="stream")
app.add_typer(topics.app, name="topics")


def main() -> None:
    """Run the command that the arguments ask for."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    hush_pictures()
    raise_descriptor_limit()
    try:
        app()
    except FramehopError as error:
        complain(str(error))
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has gone (framehop tail | head); this keeps the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        complain(f"{error.filename or 'a system call'}: {error.strerror or error}")
        sys.exit(1)
