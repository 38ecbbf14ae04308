"""Finds where decoding has to begin again after a crash: at the oldest key frame that a stream of the partition still needs."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from framehop.budgets import GROUP_S
from framehop.content import VIDEO, kind_of
from framehop.protocols import Tenure
from framehop.types import FrameMeta, FrameRecord, Partition

logger = logging.getLogger(__name__)

# A stream that is silent for longer, while its partition goes on, holds it back no more.
MAX_GROUP_US = int(GROUP_S * 1e6)
MAX_KEYS = 1 << 14  # above the frames that are in flight at once: reached only if a stream's time stamps never rise
_METADATA = re.compile(r"v1:([0-9]{1,18})(?:;.*)?")  # behind a semicolon lies what others keep; see worker/tracks.py

# The frames of a partition before an offset, of so many microseconds; see FrameArchive.look_back.
LookBack = Callable[[Partition, int, int], Iterable[FrameMeta]]


def resume_offset(partition: Partition, tenure: Tenure, look_back: LookBack) -> int:
    """Return the offset at which reading has to begin in `tenure`, so that its first frame can be decoded: as the last commit says.
    Where it says nothing, because another client has moved the group, the log itself is looked at."""
    found = _METADATA.fullmatch(tenure.metadata)
    if found and int(found[1]) <= tenure.offset:
        return int(found[1])
    offset = _found_in_log(tenure, look_back(partition, tenure.offset, MAX_GROUP_US))
    if offset < tenure.offset:
        logger.warning(
            "%s: the group's offset %d was not committed by framehop; decoding begins at the key frame at %d",
            partition,
            tenure.offset,
            offset,
        )
    return offset


def _found_in_log(tenure: Tenure, before: Iterable[FrameMeta]) -> int:
    """Return the offset of the oldest key frame that a frame at the tenure's offset or later may need."""
    passed = _Tenure(tenure.number, tenure.offset)
    for meta in before:
        passed.pass_by(meta)
        if kind_of(meta.content_type) in VIDEO and not meta.error:
            passed.note(meta)
    oldest = passed.oldest(tenure.offset)
    return tenure.offset if oldest is None else oldest


@dataclass(slots=True)
class _KeyFrame:
    """A key frame. `passed_at`: the offset of the first frame of its stream that follows it on the screen too. Frames between the
    two may need pictures before the key frame, so decoding can begin at it only once they are done."""

    offset: int
    seq: int
    captured_us: int
    passed_at: int | None = None


@dataclass(slots=True)
class _Epoch:
    """The key frames of one stream and epoch that may still be needed, oldest first. `appended_us`, `last`: time and offset of its
    last frame."""

    appended_us: int = 0
    last: int = 0
    keys: list[_KeyFrame] = field(default_factory=list)

    def note(self, meta: FrameMeta) -> None:
        self.appended_us, self.last = meta.appended_us, meta.pointer.offset
        for key in self.keys:
            if key.passed_at is None and meta.captured_us > key.captured_us:
                key.passed_at = meta.pointer.offset
        if meta.keyframe and not self._may_be_half(meta.key.seq):
            self.keys.append(_KeyFrame(meta.pointer.offset, meta.key.seq, meta.captured_us))
            del self.keys[:-MAX_KEYS]

    def _may_be_half(self, seq: int) -> bool:
        """Return whether a key frame may be the second field of the one before it, at which nothing can begin. Where all pictures
        are key frames every other one is enough."""
        return bool(self.keys) and seq == self.keys[-1].seq + 1

    def needed(self, mark: int) -> int | None:
        """Return the offset of the key frame at which decoding begins again if `mark` is the next frame to answer; forget older
        ones. None if there is no key frame below the mark."""
        usable = [k for k, key in enumerate(self.keys) if key.passed_at is not None and key.passed_at < mark]
        if usable:
            del self.keys[: usable[-1]]
        return self.keys[0].offset if self.keys and self.keys[0].offset < mark else None


@dataclass(slots=True)
class _Tenure:
    """The state of a partition since it came. `first`: the first offset whose frame is to be answered. `appended_us`: the time
    of its newest frame. The log has one clock for a partition, while the hosts of its streams may differ."""

    number: int
    first: int
    appended_us: int = 0
    epochs: dict[tuple[str, int], _Epoch] = field(default_factory=dict)

    def pass_by(self, meta: FrameMeta) -> None:
        self.appended_us = max(self.appended_us, meta.appended_us)

    def note(self, meta: FrameMeta) -> None:
        self.epochs.setdefault((meta.key.stream, meta.key.epoch), _Epoch()).note(meta)

    def oldest(self, mark: int) -> int | None:
        newest = dict(sorted(self.epochs))
        for (stream, number), epoch in list(self.epochs.items()):
            over = number < newest[stream] or epoch.appended_us < self.appended_us - MAX_GROUP_US
            if over and epoch.last < mark:
                del self.epochs[stream, number]
        offsets = [epoch.needed(mark) for epoch in self.epochs.values()]
        return min((offset for offset in offsets if offset is not None), default=None)


class ResumePoints:
    """Follows the key frames of inter-coded streams, by partition. Thread-safe.

    Its size is bounded: an epoch keeps the key frames between its mark and its last frame, and is forgotten once it is over, or
    silent for MAX_GROUP_US while its partition goes on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tenures: dict[Partition, _Tenure] = {}

    def begin(self, tenures: Mapping[Partition, Tenure]) -> None:
        """Begin the tenures of partitions that came, or came back: their frames are read anew."""
        with self._lock:
            self._tenures.update(
                {partition: _Tenure(tenure.number, tenure.offset) for partition, tenure in tenures.items()}
            )

    def is_replayed(self, record: FrameRecord) -> bool:
        """Return whether a frame was answered before and is read again only because later ones need it."""
        with self._lock:
            tenure = self._current(record.meta.pointer.topic_partition, record.tenure)
            return tenure is not None and record.meta.pointer.offset < tenure.first

    def note(self, record: FrameRecord, *, inter_coded: bool) -> None:
        """Note a frame. Those of a partition come in the order of the log. One that needs no other tells only how time goes on."""
        with self._lock:
            tenure = self._current(record.meta.pointer.topic_partition, record.tenure)
            if tenure is not None:
                tenure.pass_by(record.meta)
                if inter_coded:
                    tenure.note(record.meta)

    def metadata(self, marks: Mapping[Partition, int], tenures: Mapping[Partition, int]) -> dict[Partition, str]:
        """Return what a commit of `marks` is to keep, by partition: where its successor begins, which is the mark itself if no key
        frame is needed. `tenures`: of the marks. Partitions whose tenure has ended are absent: its mark must not count in the next
        one, whose frames below it are not answered."""
        with self._lock:
            found = {
                partition: (mark, tenure.oldest(mark))
                for partition, mark in marks.items()
                if (tenure := self._current(partition, tenures[partition])) is not None
            }
        return {partition: f"v1:{mark if oldest is None else oldest}" for partition, (mark, oldest) in found.items()}

    def _current(self, partition: Partition, number: int) -> _Tenure | None:
        """Return what is known of a tenure; None when it has ended. Call under the lock."""
        tenure = self._tenures.get(partition)
        return tenure if tenure is not None and tenure.number == number else None
