"""framehop's detector process, and this one as the writer of a ring full of pictures: descriptors go over the hop, boxes come back.

python -m benchmarks.batching.ours JOB: prints its report as JSON.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.batching.meter import Meter
from benchmarks.batching.results import Job, Run
from benchmarks.batching.workload import PICTURES, by_itself, one_at_a_time, under_load
from benchmarks.harness.processes import BenchmarkError, cpu_seconds
from benchmarks.whole_worker.results import Box
from benchmarks.whole_worker.workload import MODEL
from framehop import _core
from framehop.budgets import LOAD_S
from framehop.config.detect_options import DetectOptions
from framehop.config.environment import with_huge_pages
from framehop.pipeline.processes.messages import Failed, Ready
from framehop.pipeline.processes.settings import DetectorSettings
from framehop.pipeline.supervisor.incarnations import Process
from framehop.pipeline.wake import readable

ANSWER_S = 60.0
END_S = 30.0


class Writer:
    """A worker's end: every slot of the ring has a picture, which stays there and is asked about again and again."""

    def __init__(
        self, ring: _core.Ring, hop: _core.HopClient, pictures: NDArray[np.uint8], size: tuple[int, int]
    ) -> None:
        self._hop, self._size = hop, size
        self._refs = [_publish(ring, place, picture) for place, picture in enumerate(pictures)]
        self._places = {ref.slot: place for place, ref in enumerate(self._refs)}

    def at_full_load(self, meter: Meter) -> dict[int, list[Box]]:
        """Ask about all pictures at once, and about each again as soon as its answer is there, until the meter has enough. Return
        the last answer for each."""
        found: dict[int, list[Box]] = {}
        self._ask(range(PICTURES))
        while self._hop.unanswered:
            answers = self._answers()
            found |= answers
            meter.done(len(answers))
            if not meter.over:
                self._ask(answers)
        return found

    def answer(self, place: int) -> list[Box]:
        """Ask about one picture, and wait for its boxes."""
        self._ask([place])
        return self._answers()[place]

    def _ask(self, places: Iterable[int]) -> None:
        refs = [self._refs[place] for place in places]
        if not self._hop.send(refs, [self._size] * len(refs)):
            raise BenchmarkError("the detector takes no descriptors")

    def _answers(self) -> dict[int, list[Box]]:
        replies, _ = self._hop.poll(ANSWER_S)
        if not replies:
            raise BenchmarkError(f"no answer came within {ANSWER_S:.0f} s")
        return {self._places[reply.slot]: _boxes(reply) for reply in replies}


def _publish(ring: _core.Ring, place: int, picture: NDArray[np.uint8]) -> _core.SlotRef:
    slot = ring.try_acquire(_core.FrameTag("benchmark", 1, place))
    assert slot is not None
    np.copyto(slot.array(*picture.shape[:2]), picture)
    return slot.publish()


def _boxes(reply: _core.HopReply) -> list[Box]:
    if reply.status != "ok":
        raise BenchmarkError(f"the detector answers {reply.status}: {reply.message}")
    return [Box(*each) for each in zip(reply.label_ids, reply.scores, reply.boxes, strict=True)]


def run(job: Job, directory: Path) -> Run:
    pictures: NDArray[np.uint8] = np.load(job.pictures)
    settings = _settings(job, directory)
    with (
        _core.Ring.create(str(directory / "ring"), slots=PICTURES, slot_bytes=pictures[0].nbytes) as ring,
        _detector(settings) as pid,
        _core.HopClient(settings.address, ring_path=ring.path, ring_id=ring.ring_id) as hop,
    ):
        _await_welcome(hop)
        writer = Writer(ring, hop, pictures, job.size)
        meter = Meter(job.lead, job.measured, lambda: {"detector": cpu_seconds(pid), "writer": time.process_time()})
        found = {under_load(place): boxes for place, boxes in writer.at_full_load(meter).items()}
        alone_ms = []
        for place, took_ms, boxes in one_at_a_time(job.alone, writer.answer):
            alone_ms.append(took_ms)
            found[by_itself(place)] = boxes
    return Run(full=meter.result(), alone_ms=alone_ms, found=found)


def _settings(job: Job, directory: Path) -> DetectorSettings:
    options = DetectOptions(model=MODEL, provider="cpu", lanes=job.case.lanes, max_batch=job.case.batch)
    return DetectorSettings(
        address=f"shm://{directory}/hop", facts=f"{directory}/model", ring_dir=str(directory), options=options
    )


@contextmanager
def _detector(settings: DetectorSettings) -> Iterator[int]:
    """Have a detector at work as a supervisor starts it; yield its pid."""
    process = Process("detector", "framehop.pipeline.detector.detector", 0, environment=with_huge_pages)
    process.start(settings, None)
    assert process.popen is not None
    try:
        _await_ready(process)
        yield process.popen.pid
        process.drain()
        process.popen.wait(END_S)
    finally:
        process.end()


def _await_ready(process: Process) -> None:
    assert process.channel is not None
    deadline_s = time.monotonic() + LOAD_S
    while (left_s := deadline_s - time.monotonic()) > 0:
        readable([process.channel.fileno(), process.pidfd], left_s)
        for message in process.receive():
            match message:
                case Ready():
                    return
                case Failed(message=why):
                    raise BenchmarkError(f"the detector cannot work: {why}")
        if process.popen is None or process.popen.poll() is not None:
            raise BenchmarkError("the detector ended before it was ready: see its message above")
    raise BenchmarkError(f"the detector was not ready within {LOAD_S:.0f} s")


def _await_welcome(hop: _core.HopClient) -> None:
    deadline_s = time.monotonic() + ANSWER_S
    while not hop.credits:
        hop.poll(1.0)
        if time.monotonic() > deadline_s:
            raise BenchmarkError("the detector did not welcome the writer")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="framehop-bench-") as directory:
        found = run(msgspec.json.decode(sys.argv[1], type=Job), Path(directory))
    sys.stdout.buffer.write(msgspec.json.encode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
