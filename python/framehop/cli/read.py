"""tail, annotate, audit: the commands that read a log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import Progress
from rich.table import Table

from framehop.cli import options
from framehop.cli.output import console, note, out, write_json_line
from framehop.cli.units import parse_moment, parse_start
from framehop.pipeline.audit import AuditReport
from framehop.pipeline.audit import audit as audit_log
from framehop.pipeline.stop import StopSignal, stop_on_signals
from framehop.protocols import Delivery, EventReader
from framehop.timing import now_us
from framehop.types import Event, EventRecord, parse_rfc3339

POLL_S = 0.5
BATCH = 256


def tail(
    log: options.Log = "",
    config: options.Config = None,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="beginning|latest|TIME|AGE",
            help="Where to start: the oldest event, the next, or those captured since a time, as 2026-01-31T12:00:00Z, or for an "
            "age: 90s, 10m, 2h.",
        ),
    ] = "latest",
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Go on with what comes, or stop at the end.")
    ] = True,
    stream: Annotated[str, typer.Option("--stream", metavar="ID", help="Only this stream.")] = "",
    lane: Annotated[str, typer.Option("--lane", metavar="NAME", help="Only this lane.")] = "",
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Show events as they come: one line each, or JSON lines."""
    begin, since_us = parse_start(start, "--from", now_us())
    with (
        options.log_at(log, config).open(create=False) as opened,
        opened.events(start=begin, since_us=since_us) as reader,
        stop_on_signals() as stop,
    ):
        if not json:
            _print_line(_line("time", "stream", "seq", "outcome", "total", "objects"), style="bold")
        for record in _follow(reader, stop, follow=follow):
            event = record.event
            wanted = stream in {"", event.stream} and lane in {"", event.lane}
            if wanted and _captured_since(event, since_us):
                write_json_line(record.raw) if json else _print_line(_event_line(record))


def _print_line(line: str, style: str = "") -> None:
    """One event, one line: what a terminal has no room for is cut, a pipe gets all of it."""
    out.print(line, markup=False, style=style, no_wrap=True, overflow="ellipsis")


def _follow(reader: EventReader, stop: StopSignal, *, follow: bool) -> Iterator[EventRecord]:
    while not stop.requested:
        records = reader.poll(BATCH, POLL_S if follow else 0.0)
        if not records and not follow:
            return
        yield from records


def _captured_since(event: Event, since_us: int | None) -> bool:
    """The log finds the neighbourhood by its own clock; what counts is the capture."""
    return since_us is None or parse_rfc3339(event.captured_at) >= since_us


def _event_line(record: EventRecord) -> str:
    event = record.event
    objects = ", ".join(f"{found.label} {found.confidence:.2f}" for found in event.objects) or event.reason or "–"
    total = event.stages_ms.get("total")
    took = f"{total:.0f} ms" if total is not None else ""
    return _line(event.captured_at[11:23], event.stream, str(event.seq), event.outcome, took, objects)


def _line(time: str, stream: str, seq: str, outcome: str, total: str, objects: str) -> str:
    return f"{time:<12}  {stream:<16}  {seq:>7}  {outcome:<8}  {total:>8}  {objects}"


def annotate(
    output: Annotated[Path, typer.Argument(metavar="OUT.mp4", help="The file to write.")],
    log: options.Log = "",
    config: options.Config = None,
    stream: Annotated[
        str, typer.Option("--stream", metavar="ID", help="Which stream; needed when there are several.")
    ] = "",
    since: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="TIME|AGE",
            show_default=False,
            help="Only frames captured since a time, as 2026-01-31T12:00:00Z, or for an age: 90s, 10m, 2h.",
        ),
    ] = "",
    lane: options.Lane = "main",
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Write an mp4 (VP9) of one stream with the boxes of its events drawn in."""
    from framehop.sinks.annotate import annotate as annotate_log  # the other commands do without the extra `video`

    since_us = parse_moment(since, "--from", now_us()) if since else 0
    with (
        options.log_at(log, config).open(create=False) as opened,
        Progress(console=console, transient=True) as progress,
    ):
        task = progress.add_task("annotating", total=None)
        frames = annotate_log(
            opened,
            output,
            stream=stream or None,
            lane=lane,
            since_us=since_us,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if json:
        write_json_line(msgspec.json.encode({"output": str(output), "frames": frames}))
    else:
        note(f"{output}: {frames} frames")


def audit(
    log: options.Log = "",
    config: options.Config = None,
    lane: options.Lane = "main",
    delivery: Annotated[
        Delivery | None,
        typer.Option(
            "--delivery",
            show_default=False,
            help="What to hold a log in Kafka to: may an event come twice, with one id? Default: the one in --config.",
        ),
    ] = None,
    rows_only: Annotated[
        bool,
        typer.Option(
            "--rows-only",
            help="Leave the pictures of a log in a directory unread: quick, and blind to lost or damaged files.",
        ),
    ] = False,
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Prove from the log alone that every frame has its picture and its event, in order. Exit status 1 if not.

    Exactly one event in a directory and with delivery exactly-once; with at-least-once repeats are counted and allowed.
    """
    with options.log_at(log, config).open(create=False) as opened, AuditBar() as bar:
        report = audit_log(opened, lane=lane, delivery=delivery, rows_only=rows_only, on_progress=bar.update)
    if json:
        write_json_line(msgspec.json.encode(report))
    else:
        print_audit(report)
    if not report.ok:
        raise typer.Exit(1)


class AuditBar:
    """What is being read and how far it is, on a terminal only."""

    def __init__(self) -> None:
        self._progress = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("audit", total=None)

    def __enter__(self) -> AuditBar:
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def update(self, what: str, done: int, total: int | None) -> None:
        told = f"{what}: {done}" if total is None else what
        self._progress.update(self._task, description=told, completed=done, total=total)


def print_audit(report: AuditReport) -> None:
    """The audit as a table and a verdict."""
    table = Table(box=None, header_style="bold")
    for title in ("stream", "frames", "events", "missing", "lost", "duplicates", "out of order"):
        table.add_column(title, justify="left" if title == "stream" else "right", no_wrap=True)
    for name, stream in report.streams.items():
        counts = (
            *(stream.frames, stream.events, stream.missing),
            *(stream.lost, stream.duplicates, stream.out_of_order),
        )
        table.add_row(name, *map(str, counts))
    out.print(table)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(report.outcomes.items()))
    out.print(f"{report.frames} frames, {report.events} events ({outcomes or 'none'}), {len(report.gaps)} gaps")
    for finding in report.findings:
        out.print(f"  {finding}", markup=False, soft_wrap=True)
    verdict = _verdict(report)
    out.print(
        f"{verdict}: {report.missing} missing, {report.duplicates} duplicates, {report.out_of_order} out of order, "
        f"{'pictures not read' if report.rows_only else f'{report.lost} pictures lost'}",
        style="bold",
        soft_wrap=True,
    )


def _verdict(report: AuditReport) -> str:
    if not report.ok:
        return "NOT clean"
    if report.duplicates:
        return "nothing lost, repeats have the id of the first"
    return "nothing lost, nothing doubled"
