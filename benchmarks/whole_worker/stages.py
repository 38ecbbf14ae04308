"""The limit: what each stage costs, CPU-ms per frame, with everything it needs at hand: alone on the machine, or while every other
core is busy, too, as in a pipeline that uses them all."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.whole_worker.bare import Decoded, Parts, buffers_for
from benchmarks.whole_worker.neighbours import neighbours
from benchmarks.whole_worker.span import Span, parser_of_span, span_of
from benchmarks.whole_worker.workload import Item, read_items
from framehop.inference.tensors import InputArray

SAMPLE = 64  # different pictures; decoded ones take a megabyte each
BATCHES = (1, 8)
THREADS = (1, 0)  # of one inference; 0: one per core, as in framehop


def infer_name(threads: int, batch: int) -> str:
    return f"infer, {'one thread' if threads else 'a thread per core'}, batch {batch}"


INFER = tuple(infer_name(threads, batch) for threads in THREADS for batch in BATCHES)
INFER_BUSY = tuple(infer_name(1, batch) for batch in BATCHES)  # where the other cores are taken
OTHERS = ("decode", "preprocess", "postprocess")


def measure(items: Sequence[Item], span: Span, threads: Sequence[int]) -> dict[str, float]:
    """Return CPU-ms per frame by stage: to decode, the lesser of TurboJPEG's and framehop's. The first pass over the pictures is
    not counted."""
    frames, parts = span.frames, Parts(span.model, batch=1, threads=1)
    buffers = buffers_for(parts, items, len(items))
    found = {
        "decode": min(
            _cpu_ms(frames, len(items), lambda i: parts.decode(items[i].payload, buffers[i])),
            _cpu_ms(frames, len(items), lambda i: parts.decode_as_framehop(items[i].payload)),
        ),
    }
    decoded = [parts.decode(item.payload, buffer) for item, buffer in zip(items, buffers, strict=True)]
    found["preprocess"] = _cpu_ms(frames, len(items), lambda i: parts.tensor.fill([decoded[i][0]]))
    outputs = [_outputs(parts, each) for each in decoded]
    found["postprocess"] = _cpu_ms(
        frames, len(items), lambda i: parts.objects(outputs[i][0], outputs[i][1], [decoded[i]])
    )
    return found | dict(_infer(decoded, span, threads))


def _outputs(parts: Parts, decoded: Decoded) -> tuple[list[NDArray[np.float32]], NDArray[np.float64]]:
    batch, transforms = parts.tensor.fill([decoded[0]])
    return parts.infer(batch), transforms


def _infer(decoded: Sequence[Decoded], span: Span, of_threads: Sequence[int]) -> Iterator[tuple[str, float]]:
    for threads in of_threads:
        for batch in (batch for batch in BATCHES if batch <= span.max_batch):
            parts = Parts(span.model, batch=batch, threads=threads)
            tensors = [_tensor(parts, decoded, first, batch) for first in range(0, len(decoded), batch)]
            rounds = -(-span.frames // batch)
            cpu_ms = _cpu_ms(rounds, len(tensors), lambda i, parts=parts, tensors=tensors: parts.infer(tensors[i]))  # type: ignore[misc]
            yield infer_name(threads, batch), cpu_ms / batch


def _tensor(parts: Parts, decoded: Sequence[Decoded], first: int, batch: int) -> InputArray:
    """A full batch, round the pictures' end if need be."""
    filled, _ = parts.tensor.fill([decoded[(first + i) % len(decoded)][0] for i in range(batch)])
    return filled.copy()


def _cpu_ms(times: int, choices: int, step: Callable[[int], object]) -> float:
    """CPU-ms per call, all threads of the process together."""
    for i in range(choices):
        step(i)
    began = time.process_time()
    for i in range(times):
        step(i % choices)
    return 1000 * (time.process_time() - began) / times


def main() -> int:
    parser = parser_of_span(__doc__)
    parser.add_argument("--busy", action="store_true", help="while every other core does the whole way of frames")
    options = parser.parse_args()
    span = span_of(options)
    items = read_items(span.log, span.first, min(SAMPLE, span.frames))
    if options.busy:
        with neighbours(span._replace(frames=len(items))):
            found = measure(items, span, threads=(1,))
    else:
        found = measure(items, span, THREADS)
    sys.stdout.buffer.write(msgspec.json.encode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
