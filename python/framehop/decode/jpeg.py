"""Decodes batches of JPEGs on the core's threads, each at the quickest scale that is enough for the model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from framehop import _core
from framehop.decode.decoder import (
    Decoded,
    DecodeJob,
    DecodeOptions,
    Outcome,
    Rounds,
    TakeSlot,
)
from framehop.decode.refusal import refused
from framehop.decode.slots import take_all
from framehop.types import Need


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
        slots = take_all(jobs, take_slot)
        if not slots:
            return
        need = self._options.need
        results = self._decoder.decode(
            slots, [job.payload for job in jobs], min_width=need.width, min_height=need.height, fit=need.fit
        )
        yield [self._outcome(job, result) for job, result in zip(jobs, results, strict=True)]

    def _outcome(self, job: DecodeJob, result: _core.DecodeResult) -> Outcome:
        size = (result.source_width, result.source_height)
        if result.ref is not None:
            return Decoded(job=job, ref=result.ref, size=size, decode_us=result.decode_us)
        return refused(job, result.error, result.message, size, self._options)

    def drain(self, take_slot: TakeSlot) -> Rounds:
        return iter(())

    def close(self) -> None:
        self._decoder.close()
