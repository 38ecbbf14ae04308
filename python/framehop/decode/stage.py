"""The decoders of a worker: each frame goes to the decoder for its content."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack, closing
from typing import Self

from framehop import _core
from framehop.content import VIDEO, kind_of
from framehop.decode.decoder import DecodeJob, DecodeOptions, Decoder, Glimpse, Refused, Rounds, TakeSlot
from framehop.decode.jpeg import JpegFrames
from framehop.decode.video import VideoFrames
from framehop.types import FrameMeta, Need, Partition


class DecodeStage:
    """Chooses the decoder by content type, and refuses a frame for which there is none. Used by one thread."""

    def __init__(self, decoders: Sequence[Decoder]) -> None:
        self.decoders = tuple(decoders)
        self._by_type = {name: decoder for decoder in decoders for name in decoder.content_types}
        self._open = ExitStack()
        for decoder in decoders:
            self._open.enter_context(closing(decoder))

    @classmethod
    def of(cls, options: DecodeOptions) -> DecodeStage:
        """Return a stage with all decoders that framehop has."""
        return cls([JpegFrames(options), VideoFrames(options)] if _core.VIDEO else [JpegFrames(options)])

    @property
    def room(self) -> int:
        """Number of frames to take at once, so that no decoder needs a second round."""
        return min(decoder.room for decoder in self.decoders)

    def inter_coded(self, meta: FrameMeta) -> bool:
        """Return whether a frame's picture may need frames before it."""
        decoder = self._by_type.get(kind_of(meta.content_type))
        return decoder is not None and decoder.inter_coded

    def scale_to(self, need: Need) -> None:
        """Scale as `Decoder.scale_to` does, in all decoders."""
        for decoder in self.decoders:
            decoder.scale_to(need)

    def decode(self, jobs: Sequence[DecodeJob], take_slot: TakeSlot) -> Rounds:
        """Decode as `Decoder.decode` does, each job in the decoder for its content. The other decoders give what they have held for
        too long."""
        yield [_unknown(job, self._by_type) for job in jobs if _type(job) not in self._by_type]
        for decoder in self.decoders:
            wanted = [job for job in jobs if self._by_type.get(_type(job)) is decoder]
            yield from decoder.decode(wanted, take_slot)

    def glimpse(self, job: DecodeJob) -> Glimpse | None:
        """Return a small copy as `Decoder.glimpse` does; None for content that no decoder knows."""
        decoder = self._by_type.get(_type(job))
        return None if decoder is None else decoder.glimpse(job)

    def drain(self, take_slot: TakeSlot) -> Rounds:
        """Yield the outcomes that the decoders held back."""
        for decoder in self.decoders:
            yield from decoder.drain(take_slot)

    def release(self, partitions: Collection[Partition], take_slot: TakeSlot) -> Rounds:
        """Give up partitions as `Decoder.release` does, in all decoders."""
        for decoder in self.decoders:
            yield from decoder.release(partitions, take_slot)

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _type(job: DecodeJob) -> str:
    return kind_of(job.record.meta.content_type)


def _unknown(job: DecodeJob, known: dict[str, Decoder]) -> Refused:
    why = f"{_type(job)[:64]!r} is not {' or '.join(known)}"
    if not _core.VIDEO and _type(job) in VIDEO:
        why += "; this build of framehop decodes no video, see framehop doctor"
    return Refused(job=job, error="unsupported_content", why=why)
