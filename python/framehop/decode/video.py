"""Decodes H.264 and H.265: a decoder per stream and epoch, streams side by side. A picture takes a slot when it comes out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from framehop import _core
from framehop.content import VIDEO, kind_of, orientation_of
from framehop.decode.decoder import (
    Decoded,
    DecodeJob,
    DecodeOptions,
    DecoderError,
    Glimpse,
    Outcome,
    Passed,
    Refused,
    Rounds,
    TakeSlot,
)
from framehop.decode.needs import Key, Needs, key_of
from framehop.decode.refusal import refused
from framehop.decode.slots import take_all
from framehop.decode.streams import Answered, Stream, VideoStreams
from framehop.errors import FramehopError
from framehop.types import Need, Partition

NO_DECODER = "no-decoder"

_PASSED = {"no_keyframe": "no-keyframe", "not_shown": "not-shown"}

_SIDEWAYS = frozenset({5, 6, 7, 8})

Unit = tuple[DecodeJob, bool]  # an access unit, and whether it is spared: nobody wants its picture, and none needs it


class VideoFrames:
    """A Decoder of access units. It holds pictures back that a later unit may be shown before, and gives them when their stream
    stalls or ends. Frames that nobody wants are decoded where others need them, and take no slot."""

    def __init__(self, options: DecodeOptions) -> None:
        self._options = options
        self._need = options.need
        self._pool = _core.VideoPool(threads=options.threads)
        self._streams = VideoStreams(options.video_bytes, self._decoder)
        self._needs = Needs()

    @property
    def content_types(self) -> Collection[str]:
        return tuple(VIDEO)

    @property
    def room(self) -> int:
        return self._pool.threads

    @property
    def inter_coded(self) -> bool:
        return True

    def scale_to(self, need: Need) -> None:
        self._need = need

    def glimpse(self, job: DecodeJob) -> Glimpse | None:
        """Return None: a picture of a film needs those before it."""
        return None

    def decode(self, jobs: Sequence[DecodeJob], take_slot: TakeSlot) -> Rounds:
        """Decode as the protocol says, `room` units at a time. A unit that nobody wants and none needs is passed."""
        self._needs.keep(self._streams.keys())
        alone = {index for index, job in enumerate(jobs) if job.alone and job.unwanted}
        spared = {index for index in self._needs.unneeded(jobs) if index not in alone}
        yield [Passed(job=jobs[index], reason=jobs[index].unwanted) for index in sorted(alone | spared)]
        self._streams.cut(key_of(jobs[index]) for index in alone)
        units = [(job, index in spared) for index, job in enumerate(jobs) if index not in alone]
        for begin in range(0, max(1, len(units)), self.room):
            part = units[begin : begin + self.room]
            guards = take_all([job for job, spared in part if not spared], take_slot)
            if guards is None:
                return
            yield from self._decode(part, guards, take_slot)

    def _decode(self, units: Sequence[Unit], guards: list[_core.Slot], take_slot: TakeSlot) -> Rounds:
        """Decode units, but not those that are spared. Meanwhile a slot per unit carries its name, so that the supervisor knows the
        suspects if the decoder dies."""
        turned_away: list[Outcome] = []
        try:
            answered = [pair for run in _runs(units) for pair in self._fed(run, turned_away)]
            self._streams.end(self._streams.over(job for job, _ in units))
        finally:
            for guard in guards:
                guard.abandon()
        yield turned_away
        answered += self._streams.take_left() + self._streams.stalled()
        yield from self._rounds(answered, max(1, len(units)), take_slot)

    def drain(self, take_slot: TakeSlot) -> Rounds:
        yield from self._rounds(self._streams.take_left() + self._streams.held(), 1, take_slot)

    def release(self, partitions: Collection[Partition], take_slot: TakeSlot) -> Rounds:
        self._streams.end(self._streams.of(partitions))
        yield from self._rounds(self._streams.take_left(), 1, take_slot)
        self._streams.forget_left(partitions)

    def _fed(self, run: Sequence[Unit], turned_away: list[Outcome]) -> Answered:
        """Decode units. Those of streams for which there is no decoder are added to `turned_away`."""
        work: dict[Key, list[Unit]] = {}
        for unit in run:
            work.setdefault(key_of(unit[0]), []).append(unit)
        streams = self._streams.feed({key: units[0][0] for key, units in work.items()})
        turned_away += [
            Passed(job=job, reason=NO_DECODER)
            for key, units in work.items()
            if key not in streams
            for job, spared in units
            if not spared
        ]
        fed = [(streams[key], units) for key, units in work.items() if key in streams]
        answered = self._decoded_by(fed) if fed else []
        self._streams.trim()
        return answered

    def _decoded_by(self, fed: Sequence[tuple[Stream, list[Unit]]]) -> Answered:
        work = [(stream.decoder, stream.take_all(units)) for stream, units in fed]
        try:
            found = self._pool.decode(work)
        except FramehopError as error:  # no fault of the bytes: the worker's successor resumes at the key frames
            raise DecoderError(fed[0][1][0][0].record, str(error)) from error
        return [pair for (stream, _), part in zip(fed, found, strict=True) for pair in stream.answered(part)]

    def _decoder(self, first: DecodeJob) -> _core.VideoDecoder:
        codec = VIDEO[kind_of(first.record.meta.content_type)]
        try:
            return _core.VideoDecoder(
                codec, max_pixels=self._options.max_pixels, max_bytes=max(1, self._options.video_bytes)
            )
        except FramehopError as error:
            raise DecoderError(first.record, str(error)) from error

    def _rounds(self, answered: Answered, size: int, take_slot: TakeSlot) -> Rounds:
        """Yield the outcomes, with `size` pictures a round at most. Pictures that find no slot are left for the next call."""
        yield [_without_picture(job, found) for job, found in answered if found.picture is None or job.unwanted]
        shown = [(job, found) for job, found in answered if found.picture is not None and not job.unwanted]
        for begin in range(0, len(shown), size):
            part = shown[begin : begin + size]
            slots = take_all([job for job, _ in part], take_slot)
            if slots is None:
                self._streams.leave(shown[begin:])
                return
            yield self._written(part, slots)

    def _written(self, shown: Answered, slots: list[_core.Slot]) -> list[Outcome]:
        need = self._need
        work = [
            (found.picture, slot, orientation_of(job.record.meta.content_type))
            for (job, found), slot in zip(shown, slots, strict=True)
            if found.picture is not None
        ]
        written = self._pool.write(work, min_width=need.width, min_height=need.height, fit=need.fit)
        return [self._decoded(job, found, one) for (job, found), one in zip(shown, written, strict=True)]

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
        self._streams.close()


def _runs(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    """Divide units, in their order: where frames of a stream are missing another run begins, as a decoder is told before a run."""
    run: list[Unit] = []
    next_seq: dict[Key, int] = {}
    for unit in units:
        key, seq = key_of(unit[0]), unit[0].record.meta.key.seq
        if next_seq.get(key, seq) != seq:
            yield run
            run, next_seq = [], {}
        next_seq[key] = seq + 1
        run.append(unit)
    yield run


def _without_picture(job: DecodeJob, found: _core.VideoOutcome) -> Outcome:
    if found.result == "failed":
        return Refused(job=job, error=found.error, why=f"decode: {found.message}")
    return Passed(job=job, reason=_PASSED.get(found.result, job.unwanted))
