"""Decodes batches of JPEGs on the core's threads, each at the quickest scale that is enough for the model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from framehop import _core
from framehop.decode.decoder import (
    Decoded,
    DecodeJob,
    DecodeOptions,
    Glimpse,
    Outcome,
    Passed,
    Rounds,
    TakeSlot,
)
from framehop.decode.refusal import refused
from framehop.decode.slots import take_all
from framehop.errors import FramehopError
from framehop.types import Need, Partition


class JpegFrames:
    """A Decoder of JPEGs. It holds nothing back: every job has its outcome when `decode` returns."""

    def __init__(self, options: DecodeOptions) -> None:
        self._options = options
        self._decoder = _core.JpegDecoder(threads=options.threads, max_pixels=options.max_pixels)

    @property
    def content_types(self) -> Collection[str]:
        return ("image/jpeg",)

    @property
    def inter_coded(self) -> bool:
        return False

    @property
    def room(self) -> int:
        return self._decoder.threads

    def scale_to(self, need: Need) -> None:
        self._options = replace(self._options, need=need)

    def decode(self, jobs: Sequence[DecodeJob], take_slot: TakeSlot) -> Rounds:
        yield [Passed(job=job, reason=job.unwanted) for job in jobs if job.unwanted]
        wanted = [job for job in jobs if not job.unwanted]
        for begin in range(0, len(wanted), self.room):
            part = wanted[begin : begin + self.room]
            slots = take_all(part, take_slot)
            if slots is None:
                return
            yield self._decoded(part, slots)

    def _decoded(self, jobs: Sequence[DecodeJob], slots: list[_core.Slot]) -> list[Outcome]:
        need = self._options.need
        results = self._decoder.decode(
            slots, [job.payload for job in jobs], min_width=need.width, min_height=need.height, fit=need.fit
        )
        return [self._outcome(job, result) for job, result in zip(jobs, results, strict=True)]

    def _outcome(self, job: DecodeJob, result: _core.DecodeResult) -> Outcome:
        size = (result.source_width, result.source_height)
        if result.ref is not None:
            return Decoded(job=job, ref=result.ref, size=size, decode_us=result.decode_us)
        return refused(job, result.error, result.message, size, self._options)

    def glimpse(self, job: DecodeJob) -> Glimpse | None:
        try:
            header = _core.read_jpeg_header(job.payload)
            pixels = _core.decode_jpeg(job.payload, min_width=1, min_height=1, max_pixels=self._options.max_pixels)
        except FramehopError:
            return None
        return Glimpse(pixels=pixels, size=(header.width, header.height))

    def drain(self, take_slot: TakeSlot) -> Rounds:
        return iter(())

    def release(self, partitions: Collection[Partition], take_slot: TakeSlot) -> Rounds:
        return iter(())

    def close(self) -> None:
        self._decoder.close()
