"""The output of `detect` and `run`: their events, their progress, and their results."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
from rich.live import Live
from rich.text import Text

from framehop.cli.object_counts import object_count_lines
from framehop.cli.output import complain, console, note, write_json_line
from framehop.errors import ConfigError
from framehop.pipeline.supervisor.status import Status, Summary
from framehop.types import EventRecord


def print_event(record: EventRecord) -> None:
    write_json_line(record.raw)


def print_summary(summary: Summary, *, stopped: bool = False) -> None:
    status = summary.status
    skipped = f"{status.skipped} skipped, " if status.skipped else ""
    note(
        f"{status.frames_read} frames read, {status.events} events written: "
        f"{status.detected} detected, {skipped}{status.failed} failed"
    )
    if status.failed:
        note("`framehop deadletter list`, with the same --log, says which failed and why")
    for line in object_count_lines(status.found):
        note(line)
    for incident in summary.incidents:
        how = incident.signal or f"status {incident.exit_code}"
        note(
            f"{incident.process} (start {incident.incarnation}) ended by {how}, {incident.in_flight} frames in flight; restarted"
        )
    for name, error in summary.source_errors.items():
        complain(f"{name}: {error}")
    if stopped and summary.drained and summary.waiting:
        note(
            f"stopped: every frame that was read has its event, and {summary.waiting} frames of the log wait for the next "
            "start, unless another pipeline comes to them"
        )
    elif stopped and summary.drained:
        note("stopped: every frame that was read has its event, and the next start goes on behind them")
    elif not summary.drained:
        note("stopped before everything in flight was committed: the next start goes on there")


def write_report(path: Path, summary: Summary) -> None:
    """Write the file of --report. Raises ConfigError."""
    try:
        path.write_bytes(msgspec.json.encode(summary))
    except OSError as error:
        raise ConfigError(f"--report {path} cannot be written: {error.strerror}; the events are in the log") from error


class ReadyNote:
    """Says once that the pipeline is ready. Where there is no terminal, one that has nothing to do says nothing else."""

    def __init__(self, text: str) -> None:
        self._text = text

    def update(self, ready: bool) -> None:
        if ready and self._text:
            note(self._text)
            self._text = ""


class StatusLine:
    """One line that follows the pipeline, on a terminal only."""

    def __init__(self) -> None:
        self._live = Live(Text("starting"), console=console, refresh_per_second=4, transient=True)
        self._shown = console.is_terminal
        self._before = (time.monotonic(), 0)
        self._rate = 0.0

    def __enter__(self) -> StatusLine:
        if self._shown:
            self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._shown:
            self._live.stop()

    def update(self, status: Status) -> None:
        if not self._shown:
            return
        now = time.monotonic()
        then, events = self._before
        if now - then >= 1.0:
            self._rate = (status.events - events) / (now - then)
            self._before = (now, status.events)
        text = f"{status.events} events · {self._rate:.1f}/s · {status.in_flight} in flight · {status.failed} failed"
        if status.restarts:
            text += f" · {status.restarts} restarts"
        if status.stalled:
            text += f" · {status.stalled}"
        self._live.update(Text(text))
