"""The decoders of a worker's films: one per stream and epoch, bounded in number and in memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from framehop import _core
from framehop.decode.decoder import DecodeJob
from framehop.decode.needs import Key, key_of
from framehop.types import FrameMeta, Partition

logger = logging.getLogger(__name__)

MAX_STREAMS = 1024  # decoders per worker; mostly their memory ends first
HELD_FOR_S = 0.5  # a stream that stalls gives what it holds back after this time
MOST_HELD = 64  # twice what a decoder reorders; a stream that forbids to show its pictures would hold back all of them
IDLE_S = 2.0  # a stream that is silent for longer may lose its decoder to another one
PAUSES = 4  # it must also be silent for so many times its last pause: a camera may send a frame every few seconds
TELL_S = 60.0  # the pause between two warnings
REMEMBERED = 4096  # streams that wait for a decoder
# Until its decoder is there, a stream is taken to need so much: the decoder's own, and pictures of 12 bits a pixel.
_OWN_BYTES, _PICTURES = 1 << 20, 6

# A string, because a build without video has no VideoOutcome.
Answered: TypeAlias = "list[tuple[DecodeJob, _core.VideoOutcome]]"


@dataclass(slots=True)
class Stream:
    """One decoder, and the jobs whose outcome it holds back, by a number of their own, since the log may hold a seq twice. All were
    read under one tenure: in the next one frames come again, which must not meet those of the last. `cut`: the last frames were
    left out, so that no picture comes that might overtake what is held back."""

    decoder: _core.VideoDecoder
    tenure: int
    fed_s: float
    jobs: dict[int, DecodeJob] = field(default_factory=dict)
    taken: int = 0
    next_seq: int | None = None
    pause_s: float = 0.0
    damaged: bool = False
    cut: bool = False

    def take_all(self, units: Iterable[tuple[DecodeJob, bool]]) -> list[tuple[int, int, memoryview]]:
        """Note units, and return what the pool reads of those that are not spared."""
        found = []
        for job, spared in units:
            self._follow(job)
            if not spared:
                found.append(self._take(job))
        return found

    def _follow(self, job: DecodeJob) -> None:
        """Tell the decoder what is missing before a job. Nothing is missing without one that is spared."""
        seq = job.record.meta.key.seq
        if self.next_seq not in {None, seq}:
            self.decoder.note_gap()
        self.next_seq = seq + 1

    def _take(self, job: DecodeJob) -> tuple[int, int, memoryview]:
        self.cut = False
        self.taken += 1
        self.jobs[self.taken] = job
        return self.taken, job.record.meta.captured_us, job.payload

    def wake(self) -> None:
        """Note that units are about to come."""
        now_s = time.monotonic()
        self.fed_s, self.pause_s = now_s, max(now_s - self.fed_s, self.pause_s / 2)

    @property
    def stalls(self) -> bool:
        """Whether what the stream holds back has waited for long enough. After damage nothing is shown until a key frame, which may
        never come."""
        return self.damaged or self.cut or len(self.jobs) > MOST_HELD or self.fed_s < time.monotonic() - HELD_FOR_S

    @property
    def idle(self) -> bool:
        """Whether the stream has been silent for long, by its own pace."""
        return time.monotonic() - self.fed_s > max(IDLE_S, PAUSES * self.pause_s)

    def answered(self, found: Sequence[_core.VideoOutcome]) -> Answered:
        self.damaged = any(outcome.result == "failed" for outcome in found)
        return [(self.jobs.pop(outcome.key), outcome) for outcome in found]

    def held(self) -> Answered:
        """Return the outcomes that are held back. It goes on as if nothing had been taken."""
        return self.answered(self.decoder.take_held()) if self.jobs else []


class VideoStreams:
    """The open decoders. Not thread-safe.

    Where there is no room for one more, the one that has been silent for longest gives way, and when its stream goes on it begins
    anew at a key frame. If none is silent, the newcomer waits, and tries again at each of its key frames: better one stream without
    pictures than all.
    """

    def __init__(self, limit_bytes: int, opened: Callable[[DecodeJob], _core.VideoDecoder]) -> None:
        """`limit_bytes`: of all decoders together. `opened`: opens the decoder for a job's stream."""
        self._limit_bytes = limit_bytes
        self._opened = opened
        self._open: dict[Key, Stream] = {}  # the one fed last is the last
        self._without: dict[Key, None] = {}  # streams for which there was no room
        self._left: Answered = []
        self._telling_s = -TELL_S

    def __len__(self) -> int:
        return len(self._open)

    @property
    def bytes(self) -> int:
        return sum(stream.decoder.bytes for stream in self._open.values())

    def keys(self) -> Collection[Key]:
        return self._open.keys()

    def cut(self, keys: Iterable[Key]) -> None:
        """Note that frames of these streams are left out which later ones may need: all is missing up to the next key frame."""
        for key in keys:
            if key in self._open:
                self._open[key].cut = True

    def feed(self, first: Mapping[Key, DecodeJob]) -> dict[Key, Stream]:
        """Return the decoders of streams whose next units are about to be decoded, by the first one of each; those for which there
        is no room are absent. They are then the ones fed last."""
        for key in first.keys() & self._open.keys():
            stream = self._open[key] = self._open.pop(key)
            stream.wake()
        found = {key: self._of(key, job) for key, job in first.items()}
        return {key: stream for key, stream in found.items() if stream is not None}

    def _of(self, key: Key, first: DecodeJob) -> Stream | None:
        stream = self._open.get(key)
        if stream is not None and stream.tenure != first.record.tenure:
            stream = None
            del self._open[key]  # what it holds back is read anew, and it must not be in the way of its successor
        if stream is None:
            if not self._may_open(key, first.record.meta):
                return None
            self._without.pop(key, None)
            stream = self._open[key] = Stream(self._opened(first), first.record.tenure, time.monotonic())
        return stream

    def _may_open(self, key: Key, meta: FrameMeta) -> bool:
        """Return whether a stream gets a decoder. One that had none gets it at its next key frame, where decoding can begin."""
        if key in self._without and not meta.keyframe:
            return False
        if self._make_room(meta):
            return True
        self._note_without(key)
        self._tell(f"there is no decoder for stream {meta.key.stream}: its frames are skipped (no-decoder)")
        return False

    def _note_without(self, key: Key) -> None:
        self._without[key] = None
        while len(self._without) > REMEMBERED:
            del self._without[next(iter(self._without))]

    def _make_room(self, meta: FrameMeta) -> bool:
        """Drop idle streams until there is room for one more; return whether there is."""
        needed = _OWN_BYTES + meta.width * meta.height * 3 // 2 * _PICTURES
        while self._open and (len(self._open) >= MAX_STREAMS or self.bytes + needed > self._limit_bytes):
            if not self._drop_idle():
                return False
        return True

    def _drop_idle(self) -> bool:
        """Drop the stream that has been silent for longest, if one is."""
        key = next((key for key, stream in self._open.items() if stream.idle), None)
        if key is not None:
            self._tell(
                f"stream {key[0][1]} is silent and gives its decoder up: it would go on at its next key frame (no-keyframe)"
            )
            self.end([key])
        return key is not None

    def trim(self) -> None:
        """Bring the memory back below its limit after frames were decoded: idle streams go first, then the largest one."""
        while len(self._open) > 1 and self.bytes > self._limit_bytes:
            if not self._drop_idle():
                key = max(self._open, key=lambda key: self._open[key].decoder.bytes)
                self._tell(
                    f"stream {key[0][1]} needs more memory than the others leave: its frames are skipped (no-decoder)"
                )
                self.end([key])
                self._note_without(key)

    def end(self, keys: Iterable[Key]) -> None:
        """Close decoders. What they held back is left for `take_left`."""
        for key in keys:
            self._left += self._open.pop(key).held()

    def over(self, jobs: Iterable[DecodeJob]) -> list[Key]:
        """Return the epochs that are over, since `jobs` belong to later ones."""
        newest = dict(sorted(key_of(job) for job in jobs))
        return [key for key in self._open if newest.get(key[0], key[1]) > key[1]]

    def of(self, partitions: Collection[Partition]) -> list[Key]:
        return [key for key in self._open if key[0][0] in partitions]

    def stalled(self) -> Answered:
        """Return what is held back by streams that have had no frame for a while, though others have, or that hold too much."""
        return [pair for stream in self._open.values() if stream.stalls for pair in stream.held()]

    def held(self) -> Answered:
        """Return what is held back by all."""
        return [pair for stream in self._open.values() for pair in stream.held()]

    def leave(self, pairs: Answered) -> None:
        """Keep pictures that could not be given now for the next `take_left`."""
        self._left += pairs

    def take_left(self) -> Answered:
        """Return what was held back by streams that are no longer there, and what could not be given before."""
        left, self._left = self._left, []
        return left

    def forget_left(self, partitions: Collection[Partition]) -> None:
        """Forget what is left of partitions that are given up."""
        self._left = [pair for pair in self._left if pair[0].record.meta.pointer.topic_partition not in partitions]

    def close(self) -> None:
        self._open.clear()

    def _tell(self, what: str) -> None:
        """Warn, but not for every stream and frame."""
        if time.monotonic() < self._telling_s + TELL_S:
            return
        self._telling_s = time.monotonic()
        logger.warning(
            "%s. This worker has %d decoders of films, with %d of %d MiB; more workers or more memory give room for more",
            what,
            len(self._open),
            self.bytes >> 20,
            self._limit_bytes >> 20,
        )
