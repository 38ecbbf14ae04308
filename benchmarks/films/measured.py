"""One measured piece of work with framehop or PyAV, in a process of its own: python -m benchmarks.films.measured WHAT FILM."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import msgspec
import psutil

from benchmarks.films.runs import Run
from framehop import _core
from framehop.protocols import Source
from framehop.sources.passthrough import PassedVideo
from framehop.sources.video import VideoSource

BATCH = 4
SLOTS = 16


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(work: Callable[[], Iterable[int]]) -> Run:
    """Run `work`, which yields the bytes of each frame."""
    began, used = time.monotonic(), cpu_s()
    sizes = list(work())
    return Run(wall_s=time.monotonic() - began, cpu_s=round(cpu_s() - used, 6), frames=len(sizes), bytes=sum(sizes))


def read(source: Source) -> Iterator[int]:
    return (len(picture.payload) for picture in source.pictures())


def into_slots(path: Path) -> Run:
    """Decode as a worker does, in one thread, each picture into a slot of a ring at full size."""
    units = list(PassedVideo(path, stream="s").pictures())
    with ring_for(units[0].width * units[0].height * 3) as ring:
        return timed(lambda: _decoded([(unit.media_us, unit.payload) for unit in units], ring))


def _decoded(units: list[tuple[int, bytes]], ring: _core.Ring) -> Iterator[int]:
    pool, decoder = _core.VideoPool(threads=1), _core.VideoDecoder("h264")
    for begin in range(0, len(units), BATCH):
        part = [(begin + k, at_us, memoryview(unit)) for k, (at_us, unit) in enumerate(units[begin : begin + BATCH])]
        [found] = pool.decode([(decoder, part)])
        yield from _written(pool, ring, found)
    yield from _written(pool, ring, decoder.take_held())


def _written(pool: _core.VideoPool, ring: _core.Ring, found: list[_core.VideoOutcome]) -> Iterator[int]:
    for outcome in found:
        slot = ring.try_acquire(_core.FrameTag("s", 1, outcome.key, 0, 0))
        assert slot is not None
        assert outcome.picture is not None
        [written] = pool.write([(outcome.picture, slot, 1)])
        assert written.ref is not None
        yield written.ref.width * written.ref.height * 3
        ring.retire(written.ref)


@contextmanager
def ring_for(slot_bytes: int) -> Iterator[_core.Ring]:
    with (
        tempfile.TemporaryDirectory() as folder,
        _core.Ring.create(str(Path(folder) / "ring"), slots=SLOTS, slot_bytes=slot_bytes) as ring,
    ):
        yield ring


def by_pyav(path: Path) -> Iterator[int]:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_count = 1
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24").nbytes


def restarts(path: Path, count: int) -> Run:
    """Open a film and read its first picture again and again. `bytes`: what the process has grown by since the tenth time."""
    process, began, used = psutil.Process(), time.monotonic(), cpu_s()
    before = 0
    for number in range(count):
        pictures = PassedVideo(path, stream="s").pictures()
        next(pictures)
        del pictures
        if number == 10:
            before = process.memory_info().rss
    grown = max(0, process.memory_info().rss - before)
    return Run(wall_s=time.monotonic() - began, cpu_s=cpu_s() - used, frames=count, bytes=grown)


def main() -> None:
    what, path = sys.argv[1], Path(sys.argv[2])
    measures: dict[str, Callable[[], Run]] = {
        "copy": lambda: timed(lambda: read(PassedVideo(path, stream="s"))),
        "jpeg": lambda: timed(lambda: read(VideoSource(path, stream="s"))),
        "slots": lambda: into_slots(path),
        "pyav": lambda: timed(lambda: by_pyav(path)),
        "restarts": lambda: restarts(path, int(sys.argv[3])),
    }
    print(msgspec.json.encode(measures[what]()).decode())


if __name__ == "__main__":
    main()
