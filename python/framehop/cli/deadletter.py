"""The commands deadletter list, show and requeue, for frames that failed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from framehop._core import encode_jpeg
from framehop.cli import options
from framehop.cli.commands import App
from framehop.cli.option_values import log_at
from framehop.cli.output import complain, note, out, write_json_line
from framehop.content import VIDEO, kind_of
from framehop.errors import ConfigError
from framehop.ops.requeue import requeue as requeue_letters
from framehop.protocols import FrameArchive, FrameLog
from framehop.sinks.film import film_picture
from framehop.types import DeadLetter

app = App(help="Look at frames that failed, and detect them once more.")

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="ID…", show_default=False, help="Ids of dead letters, as list shows them.")
]


@app.command("list")
def list_letters(
    log: options.Log = "",
    config: options.Config = None,
    lane: Annotated[
        str, typer.Option("--lane", metavar="NAME", show_default=False, help="Only this lane's; default all.")
    ] = "",
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Show what has failed, one line each: id, attempts, reason. With --json a document per line."""
    count = 0
    with log_at(log, config).open(create=False) as opened:
        for letter in opened.dead_letters(lane or None):
            count += 1
            if json:
                write_json_line(msgspec.json.encode(letter))
            else:
                out.print(_line(letter), markup=False, soft_wrap=True)
    if not json:
        note(f"{count} dead letter{'' if count == 1 else 's'}")


def _line(letter: DeadLetter) -> str:
    tries = "" if letter.attempts == 1 else f" ({letter.attempts} attempts)"
    return f"{letter.id}  {letter.reason}{tries}"


@app.command()
def show(
    identity: Annotated[
        str, typer.Argument(metavar="ID", show_default=False, help="Id of a dead letter, as list shows it.")
    ],
    log: options.Log = "",
    config: options.Config = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE",
            show_default=False,
            help="Write the picture to this file, as it is in the log; of a film FILE.jpg gives the picture decoded.",
        ),
    ] = None,
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Show one dead letter with the event it became."""
    with log_at(log, config).open(create=False) as opened:
        (letter,) = _chosen(opened, [identity])
        picture = _picture(opened, letter, decoded=_is_jpeg(save)) if save is not None else b""
    if json:
        write_json_line(msgspec.json.encode(letter))
    else:
        print_letter(letter)
    if save is not None:
        save.write_bytes(picture)
        note(f"{save}: {len(picture)} bytes")


def print_letter(letter: DeadLetter) -> None:
    place = f"{letter.record.topic}, partition {letter.record.partition}, offset {letter.record.offset}"
    out.print(escape(letter.id), style="bold", soft_wrap=True)
    shown = {"reason": letter.reason, "attempts": str(letter.attempts), "record": place}
    if letter.event is not None:
        shown |= {"captured": letter.event.captured_at, "writer": letter.event.writer}
    for name, value in shown.items():
        out.print(f"  {name:<9} {value}", markup=False, soft_wrap=True)


def _is_jpeg(file: Path) -> bool:
    return file.suffix.lower() in {".jpg", ".jpeg"}


def _picture(log: FrameArchive, letter: DeadLetter, *, decoded: bool) -> bytes:
    """Return the bytes to save. `decoded`: as a JPEG, also if it is an access unit of a film."""
    record = log.read_frame(letter.record)
    if record is None:
        raise ConfigError(f"--save: the log has no frame for {letter.id}: retention has taken it, or it never was one")
    if record.payload is None:
        raise ConfigError(f"--save: the log has no picture of {letter.id}: it was damaged, or too large to be taken")
    if decoded and kind_of(record.meta.content_type) in VIDEO:
        return encode_jpeg(film_picture(log, record.meta).pixels(0, 0))
    return bytes(record.payload)


@app.command()
def requeue(
    ids: Ids = None,
    every: Annotated[bool, typer.Option("--all", help="All dead letters instead of some.")] = False,
    log: options.Log = "",
    config: options.Config = None,
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Append the pictures of failed frames to the log again, in a new epoch of their streams.

    The old event stays: a frame's key never changes. Exit status 1 if a picture could not be appended.
    """
    if bool(ids) == every:
        raise ConfigError("deadletter requeue takes the IDs of dead letters, or --all")
    with log_at(log, config).open(create=False) as opened:
        letters = list(opened.dead_letters()) if every else _chosen(opened, ids or [])
        summary = requeue_letters(opened, letters)
    if json:
        write_json_line(msgspec.json.encode(summary))
    else:
        for identity, key in summary.requeued.items():
            note(f"{identity}: now frame {key}")
        for identity, error in summary.errors.items():
            complain(f"{identity}: {error}")
        if not letters:
            note("0 dead letters: there is nothing to append")
    if summary.errors:
        raise typer.Exit(1)


def _chosen(log: FrameLog, ids: list[str]) -> list[DeadLetter]:
    """Return the letters in the log's order. Raises ConfigError naming the missing ids."""
    wanted = set(ids)
    found = [letter for letter in log.dead_letters() if letter.id in wanted]
    unknown = sorted(wanted - {letter.id for letter in found})
    if unknown:
        raise ConfigError(f"{log.url} has no dead letter {unknown[0]}: framehop deadletter list shows them")
    return found
