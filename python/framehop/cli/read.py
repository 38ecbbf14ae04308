"""The commands annotate and audit, which read a whole log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import Progress
from rich.table import Table

from framehop.account import IngestAccount
from framehop.cli import options
from framehop.cli.option_values import log_at
from framehop.cli.output import console, note, out, write_json_line
from framehop.cli.units import parse_moment
from framehop.ops.audit import AuditReport
from framehop.ops.audit import audit as audit_log
from framehop.protocols import Delivery
from framehop.timing import now_us


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
    """Write an mp4 (VP9) of one stream with the boxes of its events drawn in.

    It shows the stream's last epoch, which began with its last connection or pass, and says how many earlier frames it leaves out.
    """
    from framehop.sinks.annotate import annotate as annotate_log  # the other commands do not need the extra `video`

    since_us = parse_moment(since, "--from", now_us()) if since else 0
    earlier: list[int] = []
    with (
        log_at(log, config).open(create=False) as opened,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("annotating", total=None)
        frames = annotate_log(
            opened,
            output,
            stream=stream or None,
            lane=lane,
            since_us=since_us,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            on_earlier=earlier.append,
        )
    if json:
        write_json_line(msgspec.json.encode({"output": str(output), "frames": frames, "earlier": sum(earlier)}))
    else:
        note(f"{output}: {frames} frames{_left_out(sum(earlier))}")


def _left_out(earlier: int) -> str:
    """Say how many frames are not in the film because the stream began anew after them."""
    return f" of the stream's last epoch; {earlier} frames of earlier ones are left out" if earlier else ""


def audit(
    log: options.Log = "",
    config: options.Config = None,
    lane: options.Lane = "main",
    delivery: Annotated[
        Delivery | None,
        typer.Option(
            "--delivery",
            show_default=False,
            help="What a log in Kafka promises: at-least-once lets an event come twice. Default: the one in --config.",
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

    With a log in a directory or delivery exactly-once a frame has exactly one event; at-least-once counts and allows repeats.
    """
    with log_at(log, config).open(create=False) as opened, AuditBar() as bar:
        report = audit_log(opened, lane=lane, delivery=delivery, rows_only=rows_only, on_progress=bar.update)
    if json:
        write_json_line(msgspec.json.encode(report))
    else:
        print_audit(report)
    if not report.ok:
        raise typer.Exit(1)


class AuditBar:
    """Shows what is being read and how far, on a terminal only."""

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
    """Print the audit as a table and a verdict."""
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
    for source in report.sources:
        if source.left_out or source.failed:
            out.print(f"  {_source_line(source)}", markup=False, soft_wrap=True)
    if report.passed_over:
        out.print(
            f"  {report.passed_over} records cannot be read as events, and frames of theirs count as missing: a later version or "
            "another program wrote them, or they are damaged",
            soft_wrap=True,
        )
    for finding in report.findings:
        out.print(f"  {finding}", markup=False, soft_wrap=True)
    verdict, waiting = _verdict(report), f" ({report.waiting} of them wait)" if report.waiting else ""
    out.print(
        f"{verdict}: {report.missing} missing{waiting}, {report.duplicates} duplicates, {report.out_of_order} out of order, "
        f"{'pictures not read' if report.rows_only else f'{report.lost} pictures lost'}",
        style="bold",
        soft_wrap=True,
    )
    if report.waiting:
        out.print(_waiting_line(report), soft_wrap=True)


def _waiting_line(report: AuditReport) -> str:
    return (
        f"{report.waiting} frames wait for their event: a pipeline that runs comes to them, "
        "else the next `framehop detect` on this log does"
    )


def _source_line(source: IngestAccount) -> str:
    """Describe what the last ingest of a source saw and did not put into the log, or put there without pixels."""
    parts = [f"ingest saw {source.seen} pictures", f"{source.appended} went into the log"]
    if source.failed:
        parts.append(f"{source.failed} of them without pixels")
    parts += [f"left out: {left}" for left in source.left_out]
    return f"{source.stream}/{source.epoch}: {', '.join(parts)}"


def _verdict(report: AuditReport) -> str:
    if not report.ok:
        return "not done yet" if report.only_waits else "NOT clean"
    if report.duplicates:
        return "nothing lost, repeats have the id of the first"
    return "nothing lost, nothing doubled"
