"""Keeps all cores but one busy with the whole way of a frame, each in a process of one thread, while something else is measured."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle

from benchmarks.harness.processes import ROOT, BenchmarkError
from benchmarks.whole_worker.bare import Parts, buffers_for
from benchmarks.whole_worker.span import Span, parser_of_span, span_of
from benchmarks.whole_worker.workload import Item, read_items

MODULE = "benchmarks.whole_worker.neighbours"
START_S = 120.0
END_S = 120.0
READY = b"ready\n"


@contextmanager
def neighbours(span: Span) -> Iterator[None]:
    """Have a neighbour at work on every core but one."""
    with ExitStack() as stack:
        started = [stack.enter_context(_neighbour(span)) for _ in range(len(os.sched_getaffinity(0)) - 1)]
        for process in started:
            _await_ready(process)
        yield


@contextmanager
def _neighbour(span: Span) -> Iterator[subprocess.Popen[bytes]]:
    """Start one, which ends when its stdin is closed: by us, or because we died."""
    command = [sys.executable, "-m", MODULE, *span.words()]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
            process.communicate(timeout=END_S)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise BenchmarkError(f"a neighbour ended with status {process.returncode}: see its message above")


def _await_ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_S)
    if not ready or process.stdout.readline() != READY:
        raise BenchmarkError(f"a neighbour was not at work within {START_S:.0f} s: see its message above")


def work(items: Sequence[Item], model: str) -> None:
    parts = Parts(model, batch=1, threads=1)
    [buffer] = buffers_for(parts, items, 1)
    for place, item in enumerate(cycle(items)):
        parts.detect([parts.decode(item.payload, buffer)])
        if place == 0:
            sys.stdout.buffer.write(READY)
            sys.stdout.buffer.flush()
        if select.select([sys.stdin], [], [], 0)[0]:
            return


def main() -> int:
    span = span_of(parser_of_span(__doc__).parse_args())
    work(read_items(span.log, span.first, span.frames), span.model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
