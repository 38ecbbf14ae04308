"""Shows streams with their health as a table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from framehop.cli.units import shown_age, shown_size
from framehop.pipeline.streams.stream_status import StreamStatus

NUMBERS = {"fps", "last frame", "frames", "bytes", "reconnects"}


def stream_table(streams: Iterable[StreamStatus], now_us: int) -> Table:
    """Return a row per stream. Ages are those at `now_us`."""
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for title in ("stream", "state", "for", "codec", "size", "fps", "last frame", "frames", "bytes", "reconnects"):
        table.add_column(title, justify="right" if title in NUMBERS else "left", no_wrap=True)
    table.add_column("source", overflow="fold")
    for status in streams:
        table.add_row(*map(escape, _cells(status, now_us)))
    return table


def _cells(status: StreamStatus, now_us: int) -> tuple[str, ...]:
    health = status.health
    return (
        status.stream,
        status.phase,
        _age(health.phase_since_us, now_us),
        health.codec,
        f"{health.width}x{health.height}" if health.width else "",
        _pace(health.fps, health.declared_fps),
        _age(health.last_frame_us, now_us),
        str(status.acked),
        shown_size(health.bytes) if health.bytes else "",
        str(health.reconnects) if health.reconnects else "",
        _source(status, now_us),
    )


def _age(since_us: int, now_us: int) -> str:
    return shown_age(max(0, now_us - since_us) / 1e6) if since_us else ""


def _pace(measured: float, declared: float) -> str:
    """Show what is measured, and of how much if the source says so."""
    text = f"{measured:.1f}" if measured or declared else ""
    return f"{text} of {declared:g}" if declared else text


def _source(status: StreamStatus, now_us: int) -> str:
    """Return the text of the column: the source with its last error and the doubts about its clock; for a stream that has failed,
    its error and when it is tried next."""
    if not status.error:
        source = "; last error: ".join(filter(None, (status.source, status.health.last_error)))
        return "; its clock ".join(filter(None, (source, status.health.doubt)))
    next_try_us = status.health.next_try_us
    wait = f"; next try in {shown_age(max(0, next_try_us - now_us) / 1e6)}" if next_try_us else ""
    return f"{status.error}{wait}"
