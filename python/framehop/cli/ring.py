"""The commands ring ls and ring rm: the rings of this host, who holds what, and what dead hosts have left."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from framehop.cli import options
from framehop.cli.commands import App
from framehop.cli.output import note, out, write_json_line
from framehop.config.environment import runtime_parents
from framehop.errors import ConfigError
from framehop.ring import FoundRing, find_rings, remove_ring

app = App(help="Look at the rings of decoded pictures on this host.")

_MIB = 1 << 20


class HolderReport(msgspec.Struct, frozen=True, kw_only=True):
    """One process in a ring, and how many slots it leases."""

    pid: int
    role: str
    leases: int


class ListedRing(msgspec.Struct, frozen=True, kw_only=True):
    """One ring. `formats`: of the pictures that its slots hold, or held last. `pinned`: slots without a picture that somebody still
    leases. Without a host the numbers are 0, and `trouble` says what is known. `users`: processes that have its memory mapped."""

    path: str
    trouble: str
    users: list[int]
    host: int = 0
    slots: int = 0
    slot_bytes: int = 0
    formats: list[str] = []
    free: int = 0
    filling: int = 0
    ready: int = 0
    pinned: int = 0
    holders: list[HolderReport] = []


@app.command()
def ls(json: options.Json = False, verbose: options.Verbose = 0) -> None:
    """List the rings of this user: their slots, their host, and who leases how many."""
    reports = [report_of(found) for found in find_rings(runtime_parents())]
    if json:
        write_json_line(msgspec.json.encode(reports))
    elif reports:
        out.print(_table(reports))
    else:
        note("no ring of this user is on this host")


@app.command()
def rm(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Rings by path, as `ls` shows them.")],
    verbose: options.Verbose = 0,
) -> None:
    """Remove what dead hosts have left. A ring in which somebody lives is refused."""
    for path in paths:
        try:
            remove_ring(path)
        except FileNotFoundError as error:
            raise ConfigError(f"there is no {path}: framehop ring ls shows the rings that there are") from error
        note(f"removed {path}")


def report_of(found: FoundRing) -> ListedRing:
    look = found.look
    if look is None:
        return ListedRing(path=found.path, trouble=found.trouble, users=list(found.users))
    return ListedRing(
        path=found.path,
        trouble="",
        users=list(found.users),
        host=look.host,
        slots=look.slot_count,
        slot_bytes=look.slot_bytes,
        formats=list(look.formats),
        free=look.free,
        filling=look.filling,
        ready=look.ready,
        pinned=look.pinned,
        holders=[HolderReport(pid=each.pid, role=each.role, leases=each.leases) for each in look.holders],
    )


def _table(reports: list[ListedRing]) -> Table:
    table = Table(box=None, header_style="bold")
    for title in ("ring", "host", "MiB", "format", "slots", "free", "filling", "ready", "pinned", "who"):
        left = title in {"ring", "format", "who"}
        table.add_column(title, justify="left" if left else "right", no_wrap=title != "who")
    for report in reports:
        table.add_row(escape(report.path), *_numbers(report), escape(_who(report)))
    return table


def _numbers(report: ListedRing) -> list[str]:
    if not report.host:
        return ["–"] * 8
    size = f"{report.slots * report.slot_bytes / _MIB:,.0f}"
    counts = (report.slots, report.free, report.filling, report.ready, report.pinned)
    return [str(report.host), size, ", ".join(report.formats) or "–", *map(str, counts)]


def _who(report: ListedRing) -> str:
    if not report.host:
        held = f"; mapped by {', '.join(map(str, report.users))}" if report.users else ""
        return f"{report.trouble}{held}"
    return ", ".join(
        f"{each.role} {each.pid}{f' leases {each.leases}' if each.leases else ''}" for each in report.holders
    )
