"""The options, sizes and expectations that the tests of decoding films share."""

from __future__ import annotations

from collections.abc import Callable

from framehop.decode import DecodeJob, DecodeOptions

OPTIONS = DecodeOptions(threads=2, max_pixels=1 << 20)
WHOLE = 160 * 64 * 3  # bytes of a picture of the films
SLOTS = 6  # four, and two on top for those who only look
Decode = Callable[[list[DecodeJob]], None]


def numbers(jobs: list[DecodeJob]) -> list[tuple[str, int]]:
    """The fates of jobs whose pictures are all well: their numbers, in the order of their times."""
    order = sorted(range(len(jobs)), key=lambda k: jobs[k].record.meta.captured_us)
    return [("picture", order.index(k)) for k in range(len(jobs))]
