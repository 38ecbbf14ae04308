"""The command model swap: another model in a running pipeline."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import typer

from framehop.budgets import ANSWER_S, SWAP_ANSWER_S, SWAP_END_S
from framehop.cli import options
from framehop.cli.output import complain, note, out, write_json_line
from framehop.errors import ProcessError
from framehop.inference import from_anywhere
from framehop.pipeline.control_plane.asking import PublishedPipeline, ask_swap, the_pipeline
from framehop.pipeline.control_plane.requests import SwapLook, SwapRequest
from framehop.pipeline.supervisor.model_swaps import SwapReport
from framehop.timing import Deadline
from framehop.types import ModelInfo

LOOK_S = 0.2
LOOK_ANSWER_S = 2 * ANSWER_S  # somebody else's question may be answered first

_DOES = {"loading": "loads it beside the model that runs", "loaded": "has loaded it", "switched": "has switched"}


def swap(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="coco-ssd, or the path of a model, as for framehop run --model.")
    ],
    pipeline: options.Pipeline = "",
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Have a running pipeline use another model, without a pause. If any detector cannot load it, all keep the one they have."""
    found = the_pipeline(pipeline, ("pipeline", "detect"))
    report = ask_swap(found, SwapRequest(from_anywhere(model)), SWAP_ANSWER_S)
    before = report.models
    report = _followed(found, report)
    if json:
        write_json_line(msgspec.json.encode(report))
    else:
        _print(report, before)
    if report.error:
        complain(f"{report.error}; every detector keeps the model it had")
        raise typer.Exit(1)


def _followed(found: PublishedPipeline, report: SwapReport) -> SwapReport:
    """Wait for the end of a swap, and note each change on the way. Raises ProcessError when the pipeline gives no answer any more,
    or when the swap takes too long."""
    deadline, shown = Deadline.after(SWAP_END_S), ""
    while not report.over:
        if (now := _progress(report)) != shown:
            note(now)
            shown = now
        if deadline.expired:
            raise ProcessError(f"the swap did not end within {SWAP_END_S:.0f} s: look at it with framehop status")
        time.sleep(LOOK_S)
        report = _look(found, report.number)
    return report


def _look(found: PublishedPipeline, number: int) -> SwapReport:
    try:
        return ask_swap(found, SwapLook(number), LOOK_ANSWER_S)
    except ProcessError as error:
        if found.directory.exists():
            raise
        pid = found.publication.pid
        raise ProcessError(
            f"process {pid} ended before the swap did; it starts again with the model it is given"
        ) from error


def _progress(report: SwapReport) -> str:
    return ", ".join(f"{name} {_DOES[state]}" for name, state in report.states.items())


def _print(report: SwapReport, before: dict[str, ModelInfo]) -> None:
    for name, model in report.models.items():
        had = f"{before[name].name} {before[name].version} → " if name in before and not report.error else ""
        out.print(f"{name}: {had}{model.name} {model.version}, sha256 {model.sha256[:16]}…, on {model.provider}")
