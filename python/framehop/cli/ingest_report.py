"""The output of `ingest`: its progress, and its results."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.text import Text

from framehop.cli.output import complain, console, note
from framehop.cli.units import shown_size
from framehop.pipeline.ingest.ingest import IngestProgress, IngestSummary
from framehop.pipeline.ingest.stream_summary import StreamProgress, StreamSummary

LINE_S = 10.0
NAMED = 3  # a line has room for this many streams


class IngestLine:
    """One line that follows the ingest on a terminal; elsewhere it prints a line every ten seconds."""

    def __init__(self) -> None:
        self._live = Live(Text("starting"), console=console, refresh_per_second=4, transient=True)
        self._shown = console.is_terminal
        self._due_s = time.monotonic() + LINE_S

    def __enter__(self) -> Self:
        if self._shown:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._shown:
            self._live.stop()

    def update(self, progress: IngestProgress) -> None:
        if self._shown:
            self._live.update(Text(progress_text(progress)))
        elif time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + LINE_S
            note(progress_text(progress))


def progress_text(progress: IngestProgress) -> str:
    """Return one line with the sum, and with each stream if there are few."""
    streams = progress.streams
    fps = sum(stream.fps for stream in streams)
    parts = [f"{progress.acked} frames · {fps:.1f}/s", *(_stream_text(stream) for stream in streams[:NAMED])]
    if len(streams) > NAMED:
        parts.append(f"and {len(streams) - NAMED} more streams")
    if progress.spooled.frames:
        parts.append(f"{progress.spooled.frames} frames, {shown_size(progress.spooled.bytes)}, in the spool")
    if progress.stalled:
        parts.append(progress.stalled)
    return " · ".join(parts)


def _stream_text(stream: StreamProgress) -> str:
    done = stream.before + stream.acked
    text = f"{stream.stream} {done}" + (f" of {stream.total}" if stream.total is not None else "")
    if stream.failed:
        text += f", {stream.failed} broken"
    if stream.left_out:
        text += f", {stream.left_out} left out"
    return f"{text}, failed" if stream.error else text


def print_summary(summary: IngestSummary) -> None:
    """Print a line per stream; its errors were printed when they came."""
    for name, stream in summary.streams.items():
        note(f"{name}: {_summary_text(stream)}")
    if summary.errors:
        of = len(summary.streams) + len(summary.unopened)
        complain(f"{len(summary.errors)} of {of} sources failed, as said above: {', '.join(summary.errors)}")


def _summary_text(stream: StreamSummary) -> str:
    seqs = f", seq {stream.first_seq} to {stream.last_seq}" if stream.first_seq is not None else ""
    text = f"{stream.frames} frames, {stream.bytes / 1e6:.1f} MB, epoch {stream.epoch}{seqs}"
    if stream.before and stream.passes == 1:
        text += f"; {stream.before} were in the log before"
    if stream.failed:
        text += f"; {stream.failed} of them without pixels, which become failed events"
    if stream.in_doubt:
        text += f"; {stream.in_doubt} not acknowledged"
    for left in stream.left_out:
        text += f"; left out: {left}"
    return text
