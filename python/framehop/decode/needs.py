"""Tells which access units need not be decoded: those that nobody wants, and whose pictures no picture needs that is decoded."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from framehop import _core
from framehop.content import VIDEO, VideoCodec, kind_of
from framehop.decode.decoder import DecodeJob
from framehop.errors import FramehopError
from framehop.types import Partition

_SPS = 33  # the type of a sequence parameter set of H.265
_HEADER = 2  # bytes of a unit of H.265 before its content
_START = b"\x00\x00\x01"

# An epoch in its partition. A stream's next one may lie in another, which is read at its own pace.
Key = tuple[tuple[Partition, str], int]


def key_of(job: DecodeJob) -> Key:
    meta = job.record.meta
    return (meta.pointer.topic_partition, meta.key.stream), meta.key.epoch


class Needs:
    """Judges the units of many streams, in the order of each. Used by one thread.

    A picture that a later one needs is never left out: in the middle of a group only pictures to which no other may refer. The end
    of a group is left out when the next key frame is there too, and neither it nor what follows it refers to anything before it.
    """

    def __init__(self) -> None:
        self._layered: dict[Key, bool] = {}

    def unneeded(self, jobs: Sequence[DecodeJob]) -> Collection[int]:
        """Return the indices in `jobs` of those that need not be decoded. What comes after them is not known: it may need all."""
        self._note_layers(jobs)
        if not any(job.unwanted for job in jobs):
            return ()
        found: set[int] = set()
        free: dict[Key, bool] = {}  # by stream: whether what follows needs nothing before it
        for index in reversed(range(len(jobs))):
            job, key = jobs[index], key_of(jobs[index])
            if job.unwanted and (free.get(key, False) or self._is_disposable(job)):
                found.add(index)
            else:
                free[key] = False
            free[key] = free.get(key, False) or _is_clean(job)
        return found

    def keep(self, keys: Collection[Key]) -> None:
        """Forget all streams but these."""
        self._layered = {key: layered for key, layered in self._layered.items() if key in keys}

    def _note_layers(self, jobs: Sequence[DecodeJob]) -> None:
        for job in jobs:
            if job.record.meta.keyframe:
                self._layered[key_of(job)] = _has_layers(job)

    def _is_disposable(self, job: DecodeJob) -> bool:
        """Return whether no picture may refer to this one. In H.265 those of a higher temporal layer may refer to any below, so
        that nothing is known of a stream with layers."""
        if self._layered.get(key_of(job), True):
            return False
        unit = _read(job)
        return unit is not None and unit.has_picture and not unit.reference and not unit.keyframe


def _codec(job: DecodeJob) -> VideoCodec:
    return VIDEO[kind_of(job.record.meta.content_type)]


def _read(job: DecodeJob) -> _core.AccessUnit | None:
    """Return what a unit says of itself, or None if it is damaged, which its decoder finds out too."""
    try:
        return _core.read_access_unit(_codec(job), job.payload)
    except FramehopError:
        return None


def _is_clean(job: DecodeJob) -> bool:
    """Return whether decoding can begin here, and all that follows can be decoded too."""
    if not job.record.meta.keyframe:
        return False
    unit = _read(job)
    return unit is not None and unit.clean


def _has_layers(job: DecodeJob) -> bool:
    """Return whether a key frame begins a stream with temporal layers; true also if that is not known."""
    if _codec(job) == "h264":
        return False  # there a picture says by itself whether any other refers to it
    try:
        sets = _core.parameter_sets("h265", job.payload)
    except FramehopError:
        return True
    found = [part[_HEADER:] for part in sets.split(_START) if part and part[0] >> 1 & 0x3F == _SPS]
    return not found or any(not part or part[0] >> 1 & 7 for part in found)
