"""The command tail: events as they come, even if there is no log yet."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from framehop.cli import options
from framehop.cli.option_values import log_at
from framehop.cli.output import note, out, write_json_line
from framehop.cli.units import parse_start
from framehop.errors import LogNotFoundError
from framehop.log import LogAt
from framehop.protocols import EventReader, Start
from framehop.timing import now_us
from framehop.types import Event, EventRecord, parse_rfc3339

POLL_S = 0.5
BATCH = 256
LOOK_AGAIN_S = 1.0  # for a log that does not exist yet


def tail(
    log: options.Log = "",
    config: options.Config = None,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="WHEN",
            help="beginning: the oldest event; latest: the next one; or what was captured since a time, as 2026-01-31T12:00:00Z, "
            "or for an age: 90s, 10m, 2h.",
        ),
    ] = "latest",
    follow: Annotated[
        bool,
        typer.Option(
            "--follow/--no-follow", show_default=False, help="Go on with what comes (the default), or stop at the end."
        ),
    ] = True,
    stream: Annotated[
        str, typer.Option("--stream", metavar="ID", show_default=False, help="Only this stream; default all.")
    ] = "",
    lane: Annotated[
        str, typer.Option("--lane", metavar="NAME", show_default=False, help="Only this lane; default all.")
    ] = "",
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Show events as they come: one line each, or JSON lines. Waits for a log that is not there yet."""
    begin, since_us = parse_start(start, "--from", now_us())
    at = log_at(log, config)
    with contextlib.ExitStack() as opened:
        reader = _opened(opened, at, begin, since_us) if follow else _open(opened, at, begin, since_us)
        if not json:
            _print_line(_line("time (UTC)", "stream", "seq", "outcome", "total", "objects"), style="bold")
        shown = 0
        for record in _follow(reader, follow=follow):
            event = record.event
            wanted = stream in {"", event.stream} and lane in {"", event.lane}
            if wanted and _captured_since(event, since_us):
                shown += 1
                write_json_line(record.raw) if json else _print_line(_event_line(record))
    if not shown:
        note(_nothing_line(at.url, start, stream, lane))


def _nothing_line(url: str, start: str, stream: str, lane: str) -> str:
    """Say in which part of a log there was no event."""
    of = "".join(f" of {kind} {name}" for kind, name in (("stream", stream), ("lane", lane)) if name)
    rest = "" if start == "beginning" else "; --from beginning looks at all"
    return f"no event{of} in {url} from {start} on{rest}"


def _open(opened: contextlib.ExitStack, at: LogAt, begin: Start, since_us: int | None) -> EventReader:
    """Return a reader that `opened` closes together with its log. Raises LogNotFoundError, and then leaves nothing open."""
    with contextlib.ExitStack() as both:
        log = both.enter_context(at.open(create=False))
        reader = both.enter_context(log.events(start=begin, since_us=since_us))
        opened.push(both.pop_all())
    return reader


def _opened(opened: contextlib.ExitStack, at: LogAt, begin: Start, since_us: int | None) -> EventReader:
    """Wait for a log and open a reader. Everything in a log made meanwhile has come since the command began, so all of it is
    read."""
    try:
        return _open(opened, at, begin, since_us)
    except LogNotFoundError:
        note(f"no events at {at.url} yet: waiting for the first")
    while True:
        _pause()
        with contextlib.suppress(LogNotFoundError):
            return _open(opened, at, "beginning", since_us)


def _pause() -> None:
    time.sleep(LOOK_AGAIN_S)


def _follow(reader: EventReader, *, follow: bool) -> Iterator[EventRecord]:
    """Yield events until Ctrl-C, or to the end."""
    while True:
        records = reader.poll(BATCH, POLL_S if follow else 0.0)
        if not records and not follow:
            return
        yield from records


def _captured_since(event: Event, since_us: int | None) -> bool:
    """Return whether the event was captured since then. The log selects roughly, by its own clock."""
    return since_us is None or parse_rfc3339(event.captured_at) >= since_us


def _print_line(line: str, style: str = "") -> None:
    """Print one event as one line. A terminal cuts what it has no room for, a pipe gets all of it."""
    out.print(line, markup=False, style=style, no_wrap=True, overflow="ellipsis")


def _event_line(record: EventRecord) -> str:
    event = record.event
    objects = ", ".join(found.shown for found in event.objects) or event.reason or "–"
    total = event.stages_ms.get("total")
    took = f"{total:.0f} ms" if total is not None else ""
    return _line(event.captured_at[11:23], event.stream, str(event.seq), event.outcome, took, objects)


def _line(moment: str, stream: str, seq: str, outcome: str, total: str, objects: str) -> str:
    return f"{moment:<12}  {stream:<16}  {seq:>7}  {outcome:<8}  {total:>8}  {objects}"
