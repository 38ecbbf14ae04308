"""framehop itself: `framehop detect` in its own processes on a fresh copy of the log, watched through its events.

Measured from one steady state to another: from the commit at which `lead` frames are done to the one at which `frames` more are,
with more frames than fit into the ring still waiting. At both ends the ring is as full as the pipeline keeps it, so that no
frame's decode falls out of the span or comes in for free; start-up and the ends are outside.
"""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.harness.processes import DEADLINE_S, ROOT, BenchmarkError, cpu_by_process
from benchmarks.whole_worker.results import Box, Found, Measured, Run, Workload
from benchmarks.whole_worker.workload import name_of
from framehop import open_log
from framehop.protocols import EventReader
from framehop.types import Event

ABANDONED_S = 60.0  # an orphan of ours ends by itself
_POLL_S = 0.25
_READ = 256


class Sample(NamedTuple):
    """Right after a commit: events so far, when the log took the last of them, CPU seconds so far by process and of ours."""

    events: int
    at_us: int
    cpu_s: dict[str, float]
    watcher_cpu_s: float


def run(log: Path, load: Workload) -> Run:
    """One run on a copy of `log`, beside it, which holds `lead + frames + tail` frames."""
    with tempfile.TemporaryDirectory(dir=log.parent) as directory:
        copy = Path(directory) / "log"
        shutil.copytree(log, copy)
        return run_on(str(copy), load, "main")


def run_on(log: str, load: Workload, lane: str) -> Run:
    """One run on `log` itself, in an event lane that it has no events of."""
    children_before = _children_cpu_s()
    with (
        _detect(log, load, lane) as process,
        open_log(log, create=False) as opened,
        opened.events() as reader,
    ):
        events = Events(reader, process, lane)
        first, last = _watch(events, load)
        events.by(load.lead + load.frames + load.tail)
        process.send_signal(signal.SIGTERM)
        if process.wait(DEADLINE_S) != 0:
            raise BenchmarkError(f"framehop detect ended with status {process.returncode}")
    found, batches = _found(log, load, lane)
    measured = Measured(
        frames=last.events - first.events,
        wall_s=(last.at_us - first.at_us) / 1e6,
        cpu_s={name: used - first.cpu_s.get(name, 0.0) for name, used in last.cpu_s.items()},
    )
    notes = {
        "mean_batch": batches,
        "watcher_cpu_s": last.watcher_cpu_s - first.watcher_cpu_s,
        "cpu_s_with_start_and_end": _children_cpu_s() - children_before,
    }
    return Run(measured=measured, found=found, notes=notes)


class Events:
    """Follows the events of a lane. `count`: how many there are so far."""

    def __init__(self, reader: EventReader, process: subprocess.Popen[bytes], lane: str) -> None:
        self.process = process
        self.count = 0
        self._reader, self._lane = reader, lane

    def by(self, events: int) -> int:
        """Follow the log on to the first commit by which there are `events`; return when the log took the last of them."""
        deadline_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline_s:
            read = self._reader.poll(_READ, _POLL_S)
            records = [record for record in read if record.event.lane == self._lane]
            self.count += len(records)
            if records and self.count >= events:
                return max(record.appended_us for record in records)  # partitions of a topic come one after the other
            if not read and self.process.poll() is not None:
                status = self.process.returncode
                raise BenchmarkError(f"framehop detect ended with status {status} after {self.count} events")
        raise BenchmarkError(f"framehop detect wrote {self.count} events in {DEADLINE_S:.0f} s, not {events}")


@contextmanager
def _detect(log: str, load: Workload, lane: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "framehop", "detect", "--log", log, "--until-idle", str(ABANDONED_S)]
    command += [
        "--model",
        load.model,
        "--provider",
        "cpu",
        "--lane",
        lane,
        "--slots",
        str(load.slots),
        "--max-batch",
        str(load.max_batch),
    ]
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=messages)
        try:
            yield process
        except BenchmarkError as error:
            messages.seek(0)
            raise BenchmarkError(f"{error}; it said:\n{messages.read().decode(errors='replace')}") from error
        finally:
            process.kill()  # its children go with it
            process.wait()


def _watch(events: Events, load: Workload) -> tuple[Sample, Sample]:
    first = _sample_at(load.lead, events)
    last = _sample_at(first.events + load.frames, events)
    if last.events > load.lead + load.frames + load.tail - load.slots:
        raise BenchmarkError(
            f"the log ran dry during the measurement, after {last.events} events: use more frames, or fewer slots"
        )
    return first, last


def _sample_at(count: int, events: Events) -> Sample:
    at_us = events.by(count)
    return Sample(events.count, at_us, cpu_by_process(events.process.pid), time.process_time())


def _found(log: str, load: Workload, lane: str) -> tuple[Found, float]:
    """Boxes of every frame, which all must have their one event; and the mean batch as a frame saw it."""
    found: Found = {}
    batches = 0.0
    with open_log(log, create=False) as opened, opened.events() as reader:
        for record in reader:
            event = record.event
            if event.lane != lane:
                continue
            if event.outcome != "detected":
                raise BenchmarkError(f"{event.event_id} is {event.outcome}: {event.reason}")
            found[name_of(event.key)] = _boxes(event)
            batches += event.stages_ms["batch"]
    if len(found) != load.lead + load.frames + load.tail:
        raise BenchmarkError(f"{len(found)} frames have an event, of {load.lead + load.frames + load.tail}")
    return found, batches / len(found)


def _boxes(event: Event) -> list[Box]:
    return [Box(each.label_id, each.confidence, each.box) for each in event.objects]


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Arguments: the log, the workload as JSON, and a lane to run in the log itself, not in a copy."""
    log, load, lane = sys.argv[1], msgspec.json.decode(sys.argv[2], type=Workload), sys.argv[3:]
    try:
        sys.stdout.buffer.write(msgspec.json.encode(run_on(log, load, lane[0]) if lane else run(Path(log), load)))
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
