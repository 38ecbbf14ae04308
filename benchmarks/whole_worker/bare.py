"""The peer: one process, nothing but TurboJPEG, the resize, ONNX Runtime and the head. No log, no ring, no hop.

Either one loop over batches, or a loop in each of several threads, which share one single-threaded session and one queue.
"""

from __future__ import annotations

import copy
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.whole_worker.results import Box, Found, Measured, Run
from benchmarks.whole_worker.span import parser_of_span
from benchmarks.whole_worker.turbojpeg import TurboJpeg
from benchmarks.whole_worker.workload import Item, read_items
from framehop import decode_jpeg
from framehop.inference import Network, load_model
from framehop.inference.postprocess import NO_OBJECTS, Objects, Postprocessor
from framehop.inference.preprocess import InputTensor
from framehop.inference.recognise import recognise
from framehop.inference.tensors import InputArray
from framehop.types import Need

Picture = NDArray[np.uint8]
Decoded = tuple[Picture, tuple[int, int]]


class Parts:
    """The four steps, each as plain as it can be."""

    def __init__(self, name: str, *, batch: int, threads: int = 0) -> None:
        """`name`: of the model. `threads`: of one inference, 0 for one per core, as in framehop."""
        model = load_model(name)
        self._batch = batch
        with Network.open(model) as network:
            self.spec = recognise(network, model).spec
        self.need = Need(width=self.spec.input.width, height=self.spec.input.height, fit=self.spec.resize.mode)
        self.jpeg = TurboJpeg(self.need)
        self.tensor = InputTensor(self.spec.input, self.spec.resize, max_batch=batch)
        self.post = Postprocessor(self.spec)
        self.session = onnxruntime.InferenceSession(
            model.read(), session_options(threads), providers=["CPUExecutionProvider"]
        )

    def lane(self) -> Parts:
        """Return the same parts for another thread: one session, an input tensor of its own."""
        lane = copy.copy(self)
        lane.tensor = InputTensor(self.spec.input, self.spec.resize, max_batch=self._batch)
        return lane

    def decode(self, data: bytes, buffer: NDArray[np.uint8]) -> Decoded:
        return self.jpeg.decode(data, buffer), self.jpeg.size(data)

    def decode_as_framehop(self, data: bytes) -> Picture:
        return decode_jpeg(data, min_width=self.need.width, min_height=self.need.height, fit=self.need.fit)

    def infer(self, batch: InputArray) -> list[NDArray[np.float32]]:
        outputs: list[NDArray[np.float32]] = self.session.run(list(self.post.outputs), {self.spec.input.name: batch})
        return outputs

    def objects(
        self, outputs: Sequence[NDArray[np.float32]], transforms: NDArray[np.float64], decoded: Sequence[Decoded]
    ) -> list[Objects]:
        return [
            self.post.objects(
                {name: rows[i] for name, rows in zip(self.post.outputs, outputs, strict=True)},
                transforms[i],
                picture_size=(picture.shape[1], picture.shape[0]),
                source_size=size,
            )
            for i, (picture, size) in enumerate(decoded)
        ]

    def detect(self, decoded: Sequence[Decoded]) -> list[Objects]:
        batch, transforms = self.tensor.fill([picture for picture, _ in decoded])
        return self.objects(self.infer(batch), transforms, decoded)


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Return the session options that framehop itself uses."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def buffers_for(parts: Parts, items: Sequence[Item], count: int) -> list[NDArray[np.uint8]]:
    """Memory for `count` decoded pictures, touched, so that no run pays for its first use."""
    sizes = (parts.jpeg.scaled(parts.jpeg.size(item.payload)) for item in items)
    largest = max(width * height * 3 for width, height in sizes)
    return [np.ones(largest, np.uint8) for _ in range(count)]


def one_by_one(parts: Parts, items: Sequence[Item], batch: int) -> Iterator[list[Decoded]]:
    """Batches, decoded in this thread."""
    buffers = buffers_for(parts, items, batch)
    for first in range(0, len(items), batch):
        part = items[first : first + batch]
        yield [parts.decode(item.payload, buffer) for item, buffer in zip(part, buffers, strict=False)]


def ahead(parts: Parts, items: Sequence[Item], batch: int, threads: int) -> Iterator[list[Decoded]]:
    """Batches, decoded by a pool that stays up to two batches, at least one picture per thread, ahead of the inference."""
    buffers = buffers_for(parts, items, batch + max(2 * batch, threads))
    pending: deque[Future[Decoded]] = deque()
    taken = 0
    with ThreadPoolExecutor(threads) as pool:
        while taken < len(items):
            while len(pending) < len(buffers) and taken + len(pending) < len(items):
                place = taken + len(pending)
                pending.append(pool.submit(parts.decode, items[place].payload, buffers[place % len(buffers)]))
            ready = [pending.popleft().result() for _ in range(min(batch, len(pending)))]
            yield ready  # consumed when we go on, and only then are its buffers given away again
            taken += len(ready)


def check_pixels(parts: Parts, items: Sequence[Item]) -> None:
    """Bare TurboJPEG and framehop's decoder give the same bytes."""
    [buffer] = buffers_for(parts, items, 1)
    for item in items:
        ours = parts.decode_as_framehop(item.payload)
        assert np.array_equal(parts.decode(item.payload, buffer)[0], ours), f"other pixels in {item.frame}"


def in_batches(parts: Parts, items: Sequence[Item], batch: int, decode_threads: int) -> list[Objects]:
    """`decode_threads` 0: in the loop itself."""
    batches = ahead(parts, items, batch, decode_threads) if decode_threads else one_by_one(parts, items, batch)
    return [objects for decoded in batches for objects in parts.detect(decoded)]


def side_by_side(parts: Parts, items: Sequence[Item], threads: int) -> list[Objects]:
    """Each thread takes the next picture, decodes it and detects in it, until none is left."""
    results: list[Objects] = [NO_OBJECTS] * len(items)
    places = iter(range(len(items)))  # `next` on it is atomic

    def loop(lane: Parts, buffer: NDArray[np.uint8]) -> None:
        for place in places:
            [results[place]] = lane.detect([lane.decode(items[place].payload, buffer)])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(loop, [parts.lane() for _ in range(threads)], buffers_for(parts, items, threads)))
    return results


def run(items: Sequence[Item], model: str, *, batch: int, decode_threads: int = 0, lanes: int = 0) -> Run:
    """Measure one run. `lanes`: loops side by side, each of one thread and one picture; 0 for one loop over batches."""
    parts = Parts(model, batch=batch, threads=1 if lanes else 0)
    check_pixels(parts, items[:8])
    warm = next(one_by_one(parts, items, batch))
    parts.detect(warm)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    results = side_by_side(parts, items, lanes) if lanes else in_batches(parts, items, batch, decode_threads)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    measured = Measured(frames=len(items), wall_s=wall_s, cpu_s={"bare": cpu_s})
    return Run(measured=measured, found=found_by(items, results))


def found_by(items: Sequence[Item], results: Sequence[Objects]) -> Found:
    return {
        item.frame: [
            Box(label_id, score, tuple(sides))
            for sides, score, label_id in zip(*(values.tolist() for values in objects), strict=True)
        ]
        for item, objects in zip(items, results, strict=True)
    }


def main() -> int:
    parser = parser_of_span(__doc__)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--pool", action="store_true", help="decode in one thread per core beside the inference")
    parser.add_argument("--lanes", action="store_true", help="a loop of one thread per core, each with a picture alone")
    options = parser.parse_args()
    items = read_items(options.log, options.first, options.frames)
    cores = len(os.sched_getaffinity(0))
    measured = run(
        items,
        options.model,
        batch=options.batch,
        decode_threads=cores if options.pool else 0,
        lanes=cores if options.lanes else 0,
    )
    sys.stdout.buffer.write(msgspec.json.encode(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
