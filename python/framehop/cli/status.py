"""The command status: this user's pipelines on this machine."""

from __future__ import annotations

import time

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from framehop.cli import options
from framehop.cli.output import complain, note, out, write_json_line
from framehop.cli.policy_notes import BEHIND_S, behind_line
from framehop.cli.units import shown_age, shown_size
from framehop.errors import ProcessError
from framehop.pipeline.control_plane.asking import ask_status, published
from framehop.pipeline.control_plane.requests import PipelineReport
from framehop.pipeline.supervisor.status import ProcessStatus, Status, starting
from framehop.types import Partition

NAMED = 8  # partitions of a worker that are named; the others are counted


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """The pipelines found. `unanswered`: the reason of those that did not answer, by process id."""

    pipelines: list[PipelineReport]
    unanswered: dict[str, str]


def status(json: options.Json = False, verbose: options.Verbose = 0) -> None:
    """Show every pipeline of yours that runs on this machine: its processes, partitions, pace, lag, rings and model."""
    report = _asked()
    if json:
        write_json_line(msgspec.json.encode(report))
    else:
        for pipeline in report.pipelines:
            _print(pipeline)
        if not report.pipelines and not report.unanswered:
            note(
                "no pipeline of yours runs on this machine: framehop run, framehop ingest and framehop detect start one"
            )
    for error in report.unanswered.values():
        complain(error)
    if report.unanswered:
        raise typer.Exit(1)


def _asked() -> StatusReport:
    pipelines, unanswered = [], {}
    for found in published():
        try:
            pipelines.append(ask_status(found))
        except ProcessError as error:
            if found.directory.exists():  # otherwise it has just ended
                unanswered[str(found.publication.pid)] = str(error)
    return StatusReport(pipelines=pipelines, unanswered=unanswered)


def _print(report: PipelineReport) -> None:
    said, counters = report.publication, report.counters
    age = shown_age(max(0.0, time.time() - said.started_us / 1e6))
    if said.kind == "ingest":
        _print_ingest(report, age)
        return
    out.print(f"{said.log} · lane {said.lane} · process {said.pid}, for {age}", style="bold")
    state = "stopping" if report.stopping else "running"
    out.print(f"  {state}, {_models(report)}, {report.events_per_s:.1f} events/s, {_behind(report)}")
    out.print(
        f"  {counters.frames_read} frames read, {counters.events} events, {counters.failed} failed, "
        f"{counters.in_flight} in flight, {counters.restarts} restarts"
    )
    if report.swap is not None:
        states = ", ".join(f"{name} {did}" for name, did in report.swap.states.items())
        loading = f" of {report.swap.load_s:.0f} s for loading" if report.swap.load_s else ""
        out.print(f"  swap to {report.swap.model}, for {report.swap.took_s:.0f} s{loading}: {states}", style="yellow")
    if counters.behind_s >= BEHIND_S:
        out.print(f"  {behind_line(counters.behind_s)}", style="yellow")
    _print_waiting(counters)
    out.print(_processes(report))
    if report.streams:
        out.print(_streams(report))


def _print_ingest(report: PipelineReport, age: str) -> None:
    said = report.publication
    out.print(f"{said.log} · ingest · process {said.pid}, for {age}", style="bold")
    pace = sum(stream.health.fps for stream in report.streams)
    state = "stopping" if report.stopping else "running"
    out.print(f"  {state}, {pace:.1f} frames/s, {report.counters.appended} frames put into the log")
    _print_waiting(report.counters)
    out.print(_streams(report))


def _print_waiting(counters: Status) -> None:
    """Say what waits for the log."""
    if counters.stalled:
        out.print(f"  waiting: {counters.stalled}", style="yellow")
    if counters.spooled.frames:
        out.print(
            f"  in the spool: {counters.spooled.frames} frames, {shown_size(counters.spooled.bytes)}", style="yellow"
        )


def _models(report: PipelineReport) -> str:
    """Name each model that runs, and its detectors if they run several."""
    by_model: dict[str, list[str]] = {}
    for name, model in report.models.items():
        by_model.setdefault(f"{model.name} {model.version} on {model.provider}", []).append(name)
    if len(by_model) > 1:
        return ", ".join(f"{model} in {' and '.join(names)}" for model, names in by_model.items())
    return next(iter(by_model), "no model yet")


def _behind(report: PipelineReport) -> str:
    if report.lag_age_s is None:
        return f"lag not known: {report.lag_error}"
    frames = sum(partition.messages for partition in report.lag)
    seconds = max((partition.seconds or 0.0 for partition in report.lag), default=0.0)
    text = f"{frames} frames and {seconds:.1f} s behind in {len(report.lag)} partitions"
    orphans = sum(not partition.owner for partition in report.lag)
    return text + (f", {orphans} of them nobody's" if orphans else "")


def _processes(report: PipelineReport) -> Table:
    rings = {ring.worker: ring for ring in report.rings}
    table = Table(box=None, header_style="bold", padding=(0, 2))
    for title in ("process", "pid", "state", "starts", "in flight", "ring", "partitions"):
        table.add_column(
            title,
            justify="left" if title in {"process", "state", "partitions"} else "right",
            no_wrap=title != "partitions",  # topics have long names
        )
    for process in report.processes:
        ring = rings.get(process.name)
        table.add_row(
            process.name,
            "–" if process.pid is None else str(process.pid),
            _doing(process),
            str(process.starts),
            str(process.in_flight),
            f"{ring.used} of {ring.slots}" if ring else "",
            _owned(report, process.name),
        )
    return table


def _doing(process: ProcessStatus) -> str:
    if process.ready:
        return "ready"
    if process.pid is None:
        return "ended"
    return starting(process)


def _owned(report: PipelineReport, worker: str) -> str:
    """List the partitions that a worker reads: by number where the log has one topic, else with their topics."""
    if (member := report.members.get(worker)) is None:
        return ""
    several = len({lag.topic for lag in report.lag}) > 1
    owned = [
        str(Partition(lag.topic, lag.partition) if several else lag.partition)
        for lag in report.lag
        if lag.owner == member
    ]
    return ", ".join(owned[:NAMED]) + (f" and {len(owned) - NAMED} more" if len(owned) > NAMED else "")


def _streams(report: PipelineReport) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2))
    for title in ("stream", "state", "frames", "source"):
        table.add_column(title, justify="right" if title == "frames" else "left", no_wrap=True)
    for stream in report.streams:
        table.add_row(stream.stream, stream.phase, str(stream.acked), escape(stream.error or stream.source))
    return table
