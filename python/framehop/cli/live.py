"""Live frames as lines and as files, for the commands tap and watch-frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from framehop.cli.output import out, write_json_line
from framehop.errors import ConfigError
from framehop.replacing import replace_file
from framehop.types import DetectedObject, check_stream

Only = Annotated[str, typer.Option("--stream", metavar="ID", show_default=False, help="Only this stream; default all.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Keep the newest picture of each stream in DIR/STREAM.jpg."),
]
Count = Annotated[
    int,
    typer.Option("--frames", min=0, metavar="N", show_default=False, help="End after so many frames; default never."),
]


class FrameLine(msgspec.Struct, frozen=True, kw_only=True):
    """One frame, as --json prints it. `width`, `height`: pixels of the picture that came. `objects`: boxes in pixels of the source,
    which may be larger. `skipped`: frames of all that were left out so far."""

    stream: str
    epoch: int
    seq: int
    width: int
    height: int
    objects: list[DetectedObject]
    skipped: int


def show(line: FrameLine, *, json: bool) -> None:
    if json:
        write_json_line(msgspec.json.encode(line))
        return
    objects = ", ".join(f"{found.label} {found.confidence:.2f}" for found in line.objects) or "–"
    size = f"{line.width}×{line.height}"
    text = f"{line.stream:<16}  {line.seq:>7}  {size:>9}  {line.skipped:>7} left out  {objects}"
    # A sender may say anything, and a terminal obeys control characters.
    plain = "".join(char if char.isprintable() else " " for char in text)
    out.print(plain, markup=False, no_wrap=True, overflow="ellipsis")


def checked_folder(folder: Path | None) -> Path | None:
    """Make the folder of --out. Raises ConfigError."""
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {folder} cannot be made: {error.strerror}") from error
    return folder


def keep(folder: Path, stream: str, jpeg: bytes) -> None:
    """Put a picture in place of the stream's last one. A sender may say anything, so the name is checked. Raises OSError,
    InvalidArgumentError."""
    check_stream(stream)
    replace_file(folder / f"{stream}.jpg", jpeg)
