"""The command bench hop: what the hop and the ring cost on this machine, against peers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from framehop.bench.hop import measure
from framehop.bench.results import Figure, Ratio, Result, Target
from framehop.cli import options
from framehop.cli.commands import App
from framehop.cli.output import note, out
from framehop.errors import ConfigError

app = App(help="Measure framehop on this machine, as ratios to peers.")

_FIGURES: dict[Figure, str] = {"p50": "time", "cpu": "CPU time", "near_cpu": "the sender's CPU time"}

Rounds = Annotated[
    int,
    typer.Option(
        "--rounds", min=1, max=1000, metavar="N", help="Rounds of half a minute, in each of which everyone runs once."
    ),
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Keep all figures of all rounds in FILE, as JSON.")
]


@app.callback()
def bench() -> None:
    """Keep `hop` a name of its own: with a single command typer would drop it."""


@app.command()
def hop(rounds: Rounds = 5, json: JsonFile = None, verbose: options.Verbose = 0) -> None:
    """Measure the hop and the ring against pipes, ZeroMQ, and peers from PyPI where they are installed."""
    if json is not None and (json.is_dir() or not json.absolute().parent.is_dir()):
        raise ConfigError(f"--json {json} cannot be written: name a file in a directory that exists")
    result = measure(rounds, note)
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    print_result(result)


def print_result(result: Result) -> None:
    machine = result.machine
    out.print(f"{machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python}")
    for work, by_ours in result.ratios.items():
        for ours, others in by_ours.items():
            out.print(_table(f"{work}: {ours} ÷ …", others, result.limit[work]))
    for who, copies in result.copies.items():
        out.print(f"copies of a picture in the sender: {who} {copies}", markup=False)
    out.print(_targets(result.targets))
    for line in result.lost:
        out.print(f"lost: {line}", style="yellow", markup=False)
    for name, command in result.missing.items():
        out.print(f"not measured: {name} ({command})", markup=False)
    if result.warnings:
        out.print(f"not to be published: {'; '.join(result.warnings)}", style="bold yellow", markup=False)


def _table(title: str, others: dict[str, Ratio], limit: str) -> Table:
    """Make a table of ratios, median (lowest–highest): below 1 framehop takes less."""
    table = Table(box=None, header_style="bold", title=title, title_justify="left")
    for column in ("", "time, p50", "CPU time", "the sender's"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    for other, ratio in others.items():
        figures = map(str, (ratio.p50, ratio.cpu, ratio.near_cpu))
        table.add_row(f"{other} (limit)" if other == limit else other, *figures)
    return table


def _targets(targets: list[Target]) -> Table:
    table = Table(box=None, header_style="bold", title="What is aimed at", title_justify="left")
    for column in ("", "at most", "is"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    verdicts = {True: "", False: " – missed", None: ""}
    for target in targets:
        measured = "not measured" if target.ratio is None else f"{target.ratio:.3g}{verdicts[target.held]}"
        name = f"{target.work}: {target.ours} ÷ {target.other}, {_FIGURES[target.what]}"
        table.add_row(name, f"{target.at_most:g}", measured)
    return table
