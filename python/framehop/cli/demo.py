"""The command demo: four streams at once through the whole pipeline, a video wall, and a report on one screen."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from framehop.cli import options
from framehop.cli.commands import end_if_interrupted
from framehop.cli.demo_report import DemoTally, print_next, print_report
from framehop.cli.first_boxes import FirstBoxes
from framehop.cli.output import console, note
from framehop.cli.page import PageBeside, PageOptions, page_options
from framehop.cli.read import print_audit
from framehop.cli.run_report import StatusLine, print_summary
from framehop.cli.work import run_here
from framehop.errors import ConfigError, MissingExtraError
from framehop.log import LogAt
from framehop.ops.audit import audit
from framehop.pipeline.pipeline import Pipeline
from framehop.protocols import FrameLog
from framehop.sources.demo import demo_sources
from framehop.sources.spec import SourceSpec

MARKER = ".framehop-demo"


def demo(
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where the demo puts its log and its video.")
    ] = Path("framehop-demo"),
    ui: Annotated[
        bool | None,
        typer.Option(
            "--ui/--no-ui", show_default=False, help="Show the demo in the browser; on a terminal by default."
        ),
    ] = None,
    verbose: options.Verbose = 0,
) -> None:
    """Detect objects in four streams at once, audit the log, and write a video wall with the boxes. Takes about half a minute."""
    page = _page(ui)
    sources = demo_sources()
    streams = [spec.stream for spec in sources]
    directory = directory.absolute()
    _start_afresh(directory)
    at = LogAt.of(directory / "log")
    note(f"four streams at their own pace: {', '.join(streams)}")
    with PageBeside(at, page):
        _detect(at, sources, FirstBoxes(at, streams, directory / "first.jpg"))
        with at.open(create=False) as log:
            _draw_wall(log, streams, directory / "wall.mp4")
            print_report(DemoTally.of(log))
            report = audit(log)
    print_audit(report)
    print_next(directory)
    if not report.ok:
        raise typer.Exit(1)


def _page(ui: bool | None) -> PageOptions | None:
    """Return where the page is to be. It is no part of the demo where nobody asked for it and its extra is missing."""
    try:
        return page_options(ui=console.is_terminal if ui is None else ui, address="")
    except MissingExtraError:
        if ui:
            raise
        return None


def _detect(at: LogAt, sources: list[SourceSpec], first: FirstBoxes) -> None:
    texts = [f"{spec.stream}={spec.source}" for spec in sources]
    with StatusLine() as line:
        pipeline = Pipeline(
            at, ends_with_sources=True, on_status=line.update, on_record=first.take, events_from_start=False
        )
        pipeline.add_all(*texts)
        summary, stop = run_here(pipeline)
    if stop.requested:
        print_summary(summary, stopped=True)
        end_if_interrupted(stop)
        raise typer.Exit(1)


def _draw_wall(log: FrameLog, streams: list[str], path: Path) -> None:
    from framehop.sinks.wall import wall  # the other commands do not need the extra `video`

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("drawing the wall", total=None)
        wall(log, streams, path, on_progress=lambda done, total: progress.update(task, completed=done, total=total))


def _start_afresh(directory: Path) -> None:
    """Delete the earlier demo, and nothing else."""
    if directory.exists() and any(directory.iterdir()):
        if not (directory / MARKER).is_file():
            raise ConfigError(f"{directory} was not made by the demo and is not deleted: move it away, or use --dir")
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARKER).write_text("made by framehop demo, which deletes this directory when it runs again\n")
