"""The command lag: how far detection is behind."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from rich.table import Table

from framehop.cli import options
from framehop.cli.option_values import log_at
from framehop.cli.output import out, write_json_line
from framehop.config.detect_options import DetectOptions
from framehop.types import PartitionLag


@dataclass(frozen=True, slots=True, kw_only=True)
class LagReport:
    """The lag of a group. `messages`: over all partitions. `seconds`: of the partition furthest behind, None when none is."""

    group: str
    messages: int
    seconds: float | None
    partitions: list[PartitionLag]


def lag(
    log: options.Log = "",
    config: options.Config = None,
    lane: options.Lane = "main",
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Show how many frames and seconds detection is behind in each partition of the log, and which worker reads it."""
    group = DetectOptions(lane=lane).group
    with log_at(log, config).open(create=False) as opened:
        report = report_of(group, opened.lag(group))
    if json:
        write_json_line(msgspec.json.encode(report))
    else:
        print_lag(report)


def report_of(group: str, found: list[PartitionLag]) -> LagReport:
    return LagReport(
        group=group,
        messages=sum(partition.messages for partition in found),
        seconds=max((partition.seconds for partition in found if partition.seconds is not None), default=None),
        partitions=found,
    )


def print_lag(report: LagReport) -> None:
    table = Table(box=None, header_style="bold")
    for title in ("topic", "partition", "end", "committed", "behind", "seconds", "owner"):
        table.add_column(title, justify="left" if title in {"topic", "owner"} else "right", no_wrap=True)
    for found in report.partitions:
        committed = "–" if found.committed is None else str(found.committed)
        numbers = (str(found.partition), str(found.end), committed, str(found.messages), _seconds(found.seconds))
        table.add_row(found.topic, *numbers, found.owner or "nobody")
    out.print(table)
    out.print(f"{report.group}: {report.messages} frames behind, {_seconds(report.seconds)} s", style="bold")


def _seconds(seconds: float | None) -> str:
    return "0" if seconds is None else f"{seconds:.1f}"
