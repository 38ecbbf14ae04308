"""Decodes H.264 and H.265: a decoder per stream and epoch, streams side by side. A picture takes a slot when it comes out."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from framehop import _core
from framehop.decode.decoder import (
    Decoded,
    DecodeJob,
    DecodeOptions,
    DecoderError,
    Outcome,
    Passed,
    Refused,
    Rounds,
    TakeSlot,
    kind_of,
)
from framehop.decode.refusal import refused
from framehop.decode.slots import take_all
from framehop.errors import FramehopError
from framehop.types import Need, Partition

CODECS: dict[str, Literal["h264", "h265"]] = {"video/h264": "h264", "video/h265": "h265"}
MAX_STREAMS = 256  # decoders per worker; each has up to 16 pictures of its stream
HELD_FOR_S = 0.5  # a stream that stalls gives what it holds back after this time
MOST_HELD = 64  # twice what a decoder reorders; a stream that forbids to show its pictures would hold back all of them

_PASSED = {"no_keyframe": "no-keyframe", "not_shown": "not-shown"}

_ORIENTATION = re.compile(r";orientation=([1-8])$")
_SIDEWAYS = frozenset({5, 6, 7, 8})

# An epoch in its partition. A stream's next one may lie in another, which is read at its own pace.
Key = tuple[tuple[Partition, str], int]


def orientation_of(content_type: str) -> int:
    """Return how the pictures are to be turned, as an Exif orientation: 6 of `video/h264;orientation=6`, else 1."""
    found = _ORIENTATION.search(content_type)
    return int(found[1]) if found else 1


@dataclass(slots=True)
class _Stream:
    """One decoder, and the jobs whose outcome it holds back, by a number of their own, since the log may hold a seq twice. All were
    read under one tenure: in the next one frames come again, which must not meet those of the last."""

    decoder: _core.VideoDecoder
    tenure: int
    jobs: dict[int, DecodeJob] = field(default_factory=dict)
    taken: int = 0
    next_seq: int | None = None
    fed_s: float = 0.0
    damaged: bool = False

    def take(self, job: DecodeJob) -> tuple[int, int, memoryview]:
        """Note a job, and tell the decoder what is missing before it. Returns what the pool reads of it."""
        meta = job.record.meta
        if self.next_seq not in {None, meta.key.seq}:
            self.decoder.note_gap()
        self.next_seq = meta.key.seq + 1
        self.fed_s = time.monotonic()
        self.taken += 1
        self.jobs[self.taken] = job
        return self.taken, meta.captured_us, job.payload

    @property
    def stalls(self) -> bool:
        """Whether what it holds back has waited for long enough. After damage nothing is shown until a key frame, which may never
        come."""
        return self.damaged or len(self.jobs) > MOST_HELD or self.fed_s < time.monotonic() - HELD_FOR_S

    def answered(self, found: Sequence[_core.VideoOutcome]) -> list[tuple[DecodeJob, _core.VideoOutcome]]:
        self.damaged = any(outcome.result == "failed" for outcome in found)
        return [(self.jobs.pop(outcome.key), outcome) for outcome in found]


class VideoFrames:
    """A Decoder of access units. It holds pictures back that a later unit may be shown before, and gives them when their stream
    stalls or ends. Frames that nobody wants are decoded where others need them, and take no slot."""

    def __init__(self, options: DecodeOptions) -> None:
        self._options = options
        self._need = options.need
        self._pool = _core.VideoPool(threads=options.threads)
        self._streams: dict[Key, _Stream] = {}  # the one fed last is the last

    @property
    def content_types(self) -> Collection[str]:
        return tuple(CODECS)

    @property
    def room(self) -> int:
        return self._pool.threads

    @property
    def inter_coded(self) -> bool:
        return True

    def scale_to(self, need: Need) -> None:
        self._need = need

    def decode(self, jobs: Sequence[DecodeJob], take_slot: TakeSlot) -> Rounds:
        """Decode as the protocol says. While units are decoded a slot per unit carries its name, so that the supervisor knows
        the suspects if the decoder dies."""
        guards = take_all(jobs, take_slot)
        if guards is None:
            return
        try:
            fed = [pair for run in _runs(jobs) for pair in self._fed(run)]
            answered = fed + self._ended(jobs)
        finally:
            for guard in guards:
                guard.abandon()
        yield from self._rounds(answered + self._stalled(), max(1, len(jobs)), take_slot)

    def drain(self, take_slot: TakeSlot) -> Rounds:
        held = [pair for stream in self._streams.values() for pair in _held(stream)]
        yield from self._rounds(held, 1, take_slot)

    def _fed(self, jobs: Sequence[DecodeJob]) -> list[tuple[DecodeJob, _core.VideoOutcome]]:
        work: dict[Key, list[DecodeJob]] = {}
        for job in jobs:
            work.setdefault(_key(job), []).append(job)
        streams = [self._stream(key, of[0]) for key, of in work.items()]
        units = [[stream.take(job) for job in of] for stream, of in zip(streams, work.values(), strict=True)]
        try:
            found = self._pool.decode([(stream.decoder, part) for stream, part in zip(streams, units, strict=True)])
        except FramehopError as error:  # no fault of the bytes: the worker's successor resumes at the key frames
            raise DecoderError(jobs[0].record, str(error)) from error
        return [pair for stream, part in zip(streams, found, strict=True) for pair in stream.answered(part)]

    def _stream(self, key: Key, first: DecodeJob) -> _Stream:
        """Return the stream's decoder, which is then the one fed last."""
        stream = self._streams.pop(key, None)
        if stream is None or stream.tenure != first.record.tenure:
            codec = CODECS[kind_of(first.record.meta.content_type)]
            try:
                decoder = _core.VideoDecoder(codec, max_pixels=self._options.max_pixels)
            except FramehopError as error:
                raise DecoderError(first.record, str(error)) from error
            stream = _Stream(decoder, first.record.tenure)
        self._streams[key] = stream
        return stream

    def _ended(self, jobs: Sequence[DecodeJob]) -> list[tuple[DecodeJob, _core.VideoOutcome]]:
        """Close the decoders of epochs that are over, and of the streams that are too many; return what they held back."""
        newest = dict(sorted(_key(job) for job in jobs))
        over = [key for key in self._streams if newest.get(key[0], key[1]) > key[1]]
        living = [key for key in self._streams if key not in over]
        over += living[: max(0, len(living) - MAX_STREAMS)]
        return [pair for key in over for pair in _held(self._streams.pop(key))]

    def _stalled(self) -> list[tuple[DecodeJob, _core.VideoOutcome]]:
        """Return what is held back by streams that have had no frame for a while, though others have, or that hold too much."""
        return [pair for stream in self._streams.values() if stream.stalls for pair in _held(stream)]

    def _rounds(self, answered: list[tuple[DecodeJob, _core.VideoOutcome]], size: int, take_slot: TakeSlot) -> Rounds:
        """Yield the outcomes, with `size` pictures a round at most."""
        yield [_without_picture(job, found) for job, found in answered if found.picture is None or job.unwanted]
        shown = [(job, found) for job, found in answered if found.picture is not None and not job.unwanted]
        for begin in range(0, len(shown), size):
            part = shown[begin : begin + size]
            slots = take_all([job for job, _ in part], take_slot)
            if slots is None:
                return
            yield self._written(part, slots)

    def _written(self, shown: list[tuple[DecodeJob, _core.VideoOutcome]], slots: list[_core.Slot]) -> list[Outcome]:
        need = self._need
        work = [
            (found.picture, slot, orientation_of(job.record.meta.content_type))
            for (job, found), slot in zip(shown, slots, strict=True)
            if found.picture is not None
        ]
        written = self._pool.write(work, min_width=need.width, min_height=need.height, fit=need.fit)
        return [self._decoded(job, found, place) for (job, found), place in zip(shown, written, strict=True)]

    def _decoded(self, job: DecodeJob, found: _core.VideoOutcome, written: _core.VideoWritten) -> Outcome:
        picture = found.picture
        assert picture is not None
        size = (picture.width, picture.height)
        if orientation_of(job.record.meta.content_type) in _SIDEWAYS:
            size = size[::-1]
        if written.ref is not None:
            return Decoded(job=job, ref=written.ref, size=size, decode_us=found.decode_us)
        return refused(job, written.error, written.message, size, self._options)

    def close(self) -> None:
        self._streams.clear()


def _key(job: DecodeJob) -> Key:
    meta = job.record.meta
    return (meta.pointer.topic_partition, meta.key.stream), meta.key.epoch


def _runs(jobs: Iterable[DecodeJob]) -> Iterator[list[DecodeJob]]:
    """Divide jobs, in their order: where frames of a stream are missing another run begins, as a decoder is told before a run."""
    run: list[DecodeJob] = []
    next_seq: dict[Key, int] = {}
    for job in jobs:
        key, seq = _key(job), job.record.meta.key.seq
        if next_seq.get(key, seq) != seq:
            yield run
            run, next_seq = [], {}
        next_seq[key] = seq + 1
        run.append(job)
    yield run


def _held(stream: _Stream) -> list[tuple[DecodeJob, _core.VideoOutcome]]:
    return stream.answered(stream.decoder.take_held()) if stream.jobs else []


def _without_picture(job: DecodeJob, found: _core.VideoOutcome) -> Outcome:
    if found.result == "failed":
        return Refused(job=job, error=found.error, why=f"decode: {found.message}")
    return Passed(job=job, reason=_PASSED.get(found.result, job.unwanted))
