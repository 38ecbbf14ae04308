"""The commands stream list, add, remove, pause and resume: the streams of a running pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from framehop.budgets import ADD_ANSWER_S
from framehop.cli import options
from framehop.cli.commands import App
from framehop.cli.option_values import named
from framehop.cli.output import note, out, write_json_line
from framehop.cli.stream_table import stream_table
from framehop.pipeline.control_plane.asking import ask_streams, the_pipeline
from framehop.pipeline.control_plane.requests import (
    AddStreams,
    Change,
    ChangeStreams,
    StreamRequest,
    StreamsReport,
    StreamsRequest,
)
from framehop.pipeline.ingest.pacing import parse_rate
from framehop.sources import DEFAULT_CODEC, check_codec, expand
from framehop.timing import now_us

app = App(help="Look at the streams that a running pipeline or ingest reads, and change them.")

Streams = Annotated[list[str], typer.Argument(metavar="STREAM", help="Streams by id, as `list` shows them.")]
New = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE", help="As for framehop ingest: a film, an address, …; NAME=SOURCE sets the id."),
]


@app.command("list")
def list_(pipeline: options.Pipeline = "", json: options.Json = False, verbose: options.Verbose = 0) -> None:
    """Show every stream that is read: its state, pace, size, last frame, and what is wrong with it."""
    report = _asked(pipeline, StreamsRequest())
    if json:
        write_json_line(msgspec.json.encode(report))
    elif report.streams:
        out.print(stream_table(report.streams, now_us()))
    else:
        note(f"process {report.publication.pid} reads no sources")


@app.command()
def add(
    sources: New,
    stream: options.Stream = "",
    rate: options.Rate = "realtime",
    loop: options.Loop = 1,
    codec: options.Codec = DEFAULT_CODEC,
    pipeline: options.Pipeline = "",
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Have a running pipeline read these sources too."""
    parse_rate(rate)
    specs = [spec.absolute(Path.cwd()) for spec in expand(named(sources, stream))]
    request = AddStreams(sources=specs, rate=rate, loop=loop, codec=check_codec(codec))
    _print("added", _asked(pipeline, request, ADD_ANSWER_S), json=json)


@app.command()
def remove(
    streams: Streams, pipeline: options.Pipeline = "", json: options.Json = False, verbose: options.Verbose = 0
) -> None:
    """Stop reading streams. What was read still goes into the log and gets its events."""
    _change("remove", "removed", streams, pipeline, json=json)


@app.command()
def pause(
    streams: Streams, pipeline: options.Pipeline = "", json: options.Json = False, verbose: options.Verbose = 0
) -> None:
    """Stop reading streams until they are resumed: a film keeps its place."""
    _change("pause", "paused", streams, pipeline, json=json)


@app.command()
def resume(
    streams: Streams, pipeline: options.Pipeline = "", json: options.Json = False, verbose: options.Verbose = 0
) -> None:
    """Read paused streams again: a film goes on with its next frame, a camera begins a new epoch."""
    _change("resume", "resumed", streams, pipeline, json=json)


def _change(change: Change, done: str, streams: list[str], pipeline: str, *, json: bool) -> None:
    _print(done, _asked(pipeline, ChangeStreams(change=change, streams=streams)), json=json)


def _asked(pipeline: str, request: StreamRequest, timeout_s: float | None = None) -> StreamsReport:
    found = the_pipeline(pipeline, ("pipeline", "ingest"))
    return ask_streams(found, request) if timeout_s is None else ask_streams(found, request, timeout_s)


def _print(done: str, report: StreamsReport, *, json: bool) -> None:
    if json:
        write_json_line(msgspec.json.encode(report))
    else:
        note(f"{done}: {', '.join(status.stream for status in report.streams)}")
