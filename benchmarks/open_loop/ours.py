"""framehop itself: `framehop detect` in its own processes on a new log, into which this process writes as ingest would.

An answer is there when its event is durable: its time is the log's own stamp of the event. Events are read before and after the
offer, never during it: a reader would take its share of the cores, and of a broker's.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.harness.processes import DEADLINE_S, ROOT, BenchmarkError, cpu_by_process
from benchmarks.open_loop.results import OF_USE_MS, Run
from benchmarks.open_loop.schedule import Due, Offer, paced, schedule
from benchmarks.whole_worker.workload import Item, read_items
from framehop import open_log
from framehop.protocols import EventLog, FrameWriter
from framehop.timing import now_us
from framehop.types import EventRecord, Frame, FrameKey

ABANDONED_S = 120.0  # an orphan of ours ends by itself
_APPEND_S = 10.0
_POLL_S = 0.25
_READ = 256


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `log`: where it is made. `options`: further ones of `framehop detect`."""

    pictures: str
    count: int
    log: str
    size: tuple[int, int]
    offer: Offer
    options: list[str]


class Start(NamedTuple):
    """The moment from which pictures are due: in seconds by the monotonic clock, and in microseconds since 1970."""

    at_s: float
    at_us: int


def run(job: Job) -> Run:
    items = read_items(Path(job.pictures), 0, job.count)
    with open_log(job.log) as log, _detect(job) as process, log.writer() as writer:
        epochs = _begin(writer, job, items)
        lead = len(epochs) * job.offer.lead
        _answers(log, process, lead)
        start = Start(time.monotonic(), now_us())
        run_in, counted = schedule(job.offer)
        run_in_us = _offer(writer, job, items, epochs, run_in, start)
        before = cpu_by_process(process.pid)
        due_us = _offer(writer, job, items, epochs, counted, start)
        answers = _answers(log, process, lead + len(run_in_us) + len(due_us))
        after = cpu_by_process(process.pid)
        process.send_signal(signal.SIGTERM)
        if process.wait(DEADLINE_S) != 0:
            raise BenchmarkError(f"framehop detect ended with status {process.returncode}")
    offered = [answers[key] for key in (*run_in_us, *due_us)]
    looked = {answer.event.key: answer.appended_us for answer in offered if answer.event.outcome == "detected"}
    late_ms = [(at_us - due_us[key]) / 1000 for key, at_us in looked.items() if key in due_us]
    return Run(
        late_ms=late_ms,
        cpu_s=sum(used - before.get(name, 0.0) for name, used in after.items()),
        skipped=len(due_us) - len(late_ms),
        looked=[[key.seq for key in looked if key.stream == _name(camera)] for camera in range(len(job.offer.paces))],
        served=[_served(job.offer, _name(camera), looked, due_us) for camera in range(job.offer.cameras)],
    )


def _served(offer: Offer, stream: str, looked: Mapping[FrameKey, int], due_us: Mapping[FrameKey, int]) -> float:
    """Return the share of a camera's pictures that was looked at soon enough to be of use."""
    soon = [key for key, at_us in looked.items() if key in due_us and at_us - due_us[key] <= 1000 * OF_USE_MS]
    return sum(key.stream == stream for key in soon) / round(offer.fps * offer.seconds)


@contextmanager
def _detect(job: Job) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "framehop", "detect", "--log", job.log, "--until-idle", str(ABANDONED_S)]
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen([*command, *job.options], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=messages)
        try:
            yield process
        except BenchmarkError as error:
            messages.seek(0)
            raise BenchmarkError(f"{error}; it said:\n{messages.read().decode(errors='replace')}") from error
        finally:
            process.kill()  # its children go with it
            process.wait()


def _begin(writer: FrameWriter, job: Job, items: Sequence[Item]) -> list[int]:
    """Open every camera's stream, and append the pictures of its lead, which show that all is at work."""
    offer = job.offer
    epochs = []
    for camera in range(len(offer.paces)):
        epochs.append(writer.open_stream(_name(camera), source=f"benchmark:{camera}", finite=False).epoch)
        for seq in range(offer.lead):
            at_us = now_us() - round((offer.lead - seq) * 1e6 / offer.fps)
            item = items[offer.place(camera, seq, len(items))]
            _append(writer, job, FrameKey(_name(camera), epochs[-1], seq), item, at_us)
    return epochs


def _offer(
    writer: FrameWriter, job: Job, items: Sequence[Item], epochs: Sequence[int], dues: Sequence[Due], start: Start
) -> dict[FrameKey, int]:
    """Append pictures when they are due; return when that was by the wall clock, microseconds since 1970."""
    due_us: dict[FrameKey, int] = {}
    for due in paced(dues, start.at_s):
        key = FrameKey(_name(due.camera), epochs[due.camera], due.seq)
        due_us[key] = start.at_us + round(due.at_s * 1e6)
        _append(writer, job, key, items[job.offer.place(due.camera, key.seq, len(items))], due_us[key])
    return due_us


def _append(writer: FrameWriter, job: Job, key: FrameKey, item: Item, due_us: int) -> None:
    width, height = job.size
    frame = Frame(key=key, payload=item.payload, captured_us=due_us, received_us=due_us, width=width, height=height)
    if not writer.append(frame, timeout_s=_APPEND_S):
        raise BenchmarkError(f"the log takes no frames: {writer.stalled}")


def _answers(log: EventLog, process: subprocess.Popen[bytes], count: int) -> dict[FrameKey, EventRecord]:
    """Read from the log's beginning until `count` frames have their event; return the first of each."""
    found: dict[FrameKey, EventRecord] = {}
    deadline_s = time.monotonic() + DEADLINE_S
    with log.events() as reader:
        while len(found) < count:
            for record in reader.poll(_READ, _POLL_S):
                if record.event.outcome == "failed":
                    raise BenchmarkError(f"{record.event.event_id} failed: {record.event.reason}")
                found.setdefault(record.event.key, record)
            if process.poll() is not None:
                raise BenchmarkError(f"framehop detect ended with status {process.returncode}")
            if time.monotonic() > deadline_s:
                raise BenchmarkError(f"{len(found)} of {count} frames were answered in {DEADLINE_S:.0f} s")
    return found


def _name(camera: int) -> str:
    return f"camera-{camera:03}"


def main() -> int:
    """Argument: the job as JSON."""
    try:
        sys.stdout.buffer.write(msgspec.json.encode(run(msgspec.json.decode(sys.argv[1], type=Job))))
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
