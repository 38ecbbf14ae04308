"""The command keys create."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from framehop.cli import options
from framehop.cli.commands import App
from framehop.cli.output import note, write_json_line
from framehop.hop.keys import create_keys

app = App(help="Make keys for frames that go between machines.")


@app.callback()
def common() -> None:
    """Keep `create` a command by its name, though it is the only one."""


@app.command()
def create(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go; made if it is not there.")],
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Make keys for serve-frames and watch-frames: DIR/sender.key and DIR/receiver.key, which only you can read."""
    import msgspec

    files = create_keys(directory)
    if json:
        write_json_line(msgspec.json.encode({"sender": str(files.sender), "receiver": str(files.receiver)}))
        return
    note(f"{files.sender}: for framehop serve-frames --keys, on the machine of the pipeline")
    note(
        f"{files.receiver}: for framehop watch-frames --keys; copy it to the machines that may watch, and to no others"
    )
