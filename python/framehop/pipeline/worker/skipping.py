"""Decides by a frame alone that it is not looked at, before it is decoded. What waits beside it is judged in `waiting.py`."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

from framehop.policies import StreamPolicies
from framehop.types import FrameKey, FrameMeta, FrameRecord, Partition

_BYTES = 6  # 48 bits are exact in a float
_BACK_S = 2.0  # pictures of a film come out of order by less; a time further back is a clock that jumped
_STREAMS = 4096  # as many streams are thinned out by their own times; those silent for longest begin anew


class Skipping:
    """The rules of a lane. Frames of a stream are asked about in the order of the log, also those that are read again only for
    others. Used by one thread."""

    def __init__(self, policies: StreamPolicies | None = None, *, sample: float = 1.0) -> None:
        """`sample`: the share of the frames to look at, more than 0 and at most 1."""
        self._policies = policies or StreamPolicies({})
        self._sample = sample
        self._seconds: dict[tuple[Partition, str], _Seconds] = {}

    def reason(self, record: FrameRecord) -> str:
        """Return why this frame is skipped; empty if it is looked at."""
        meta = record.meta
        policy = self._policies.of(meta.key.stream)
        match policy.kind:
            case "every_n" if meta.key.seq % int(policy.value):
                return "every-n"
            case "fps" if not self._seconds_of(record).takes(moment_us(meta), policy.value):
                return "over-fps"
            case "key-frames-only" if not meta.keyframe:
                return "not-a-key-frame"
        return "" if self._sample >= 1 or place_in_sample(meta.key) < self._sample else "sample"

    def needs_nothing(self, record: FrameRecord) -> bool:
        """Return whether no picture of the stream is ever looked at that needs others."""
        return self._policies.of(record.meta.key.stream).kind == "key-frames-only"

    def _seconds_of(self, record: FrameRecord) -> _Seconds:
        """Return what is known of the stream in this epoch and tenure, in which its frames come once."""
        key, of = (record.meta.pointer.topic_partition, record.meta.key.stream), (record.meta.key.epoch, record.tenure)
        seconds = self._seconds.pop(key, None)
        if seconds is None or seconds.of != of:
            seconds = _Seconds(of)
        self._seconds[key] = seconds  # the one asked about last is the last
        if len(self._seconds) > _STREAMS:
            del self._seconds[next(iter(self._seconds))]
        return seconds


@dataclass(slots=True)
class _Seconds:
    """The pieces of time of a stream in which a frame was looked at; the time since 1970 is cut into `fps` of them a second. So
    it is the same frames after a crash, but for the first piece."""

    of: tuple[int, int]
    taken: set[int] = field(default_factory=set)
    newest: int = 0

    def takes(self, time_us: int, fps: float) -> bool:
        """Return whether this frame is the first of its piece."""
        piece, reach = math.floor(time_us * fps / 1_000_000), math.ceil(_BACK_S * fps)
        if piece < self.newest - reach:
            self.taken.clear()
            self.newest = piece
        self.newest = max(self.newest, piece)
        if piece in self.taken:
            return False
        self.taken.add(piece)
        if len(self.taken) > 4 * reach:
            self.taken = {each for each in self.taken if each >= self.newest - reach}
        return True


def moment_us(meta: FrameMeta) -> int:
    """Return the frame's time on a clock that no camera sets, microseconds since 1970: when it was captured, by ingest, which for
    a film is its place in the film; or when it was received, if the camera says when it captured."""
    return meta.captured_us if meta.clock == "ingest" else meta.received_us


def place_in_sample(key: FrameKey) -> float:
    """Return the frame's place, at least 0 and below 1: the first 48 bits of BLAKE2b over `<stream>/<epoch>/<seq>`.

    It depends on nothing else, so the sample is the same after a crash, on every host and in every lane, and a smaller sample is
    part of a larger one.
    """
    digest = hashlib.blake2b(str(key).encode(), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") / (1 << 8 * _BYTES)
