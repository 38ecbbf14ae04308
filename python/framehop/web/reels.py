"""The films that somebody looks at: each is decoded once and on from where it was, for its pictures need those before."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator

from framehop import _core
from framehop.errors import UnsupportedPictureError
from framehop.protocols import FrameLog
from framehop.sinks.film import LONGEST_GROUP_US, Film, Still
from framehop.types import FrameMeta

MAX_REELS = 16
MAX_FRAMES = 5000  # of one reel; then it begins anew
IDLE_S = 15.0  # a reel that nobody has looked at for so long is let go, as a decoder holds pictures
MARGIN_US = 1_000_000


class Reel:
    """One epoch of a stream, from the key frame before the first picture that was asked for. Thread-safe."""

    def __init__(self, log: FrameLog, meta: FrameMeta) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._count = 0
        self._last = meta
        self._film = Film(log, list(self._counted(_before(log, meta, LONGEST_GROUP_US))))
        self.used_s = time.monotonic()

    def is_of(self, log: FrameLog) -> bool:
        return self._log is log and self._count < MAX_FRAMES

    def still(self, meta: FrameMeta) -> Still:
        """Return a frame's picture, decoded on from the last one where that is nearer than its key frame. Raises PictureError."""
        with self._lock:
            self.used_s = time.monotonic()
            if meta.pointer.offset > self._last.pointer.offset:
                since_us = max(0, meta.appended_us - self._last.appended_us) + MARGIN_US
                self._film.extend(self._counted(_before(self._log, meta, since_us)))
                self._last = meta
            return self._film.still(meta.key)

    def _counted(self, frames: Iterator[FrameMeta]) -> Iterator[FrameMeta]:
        for meta in frames:
            self._count += 1
            yield meta


class Reels:
    """The reels in use, the newest last. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reels: OrderedDict[tuple[str, int], Reel] = OrderedDict()

    def still(self, log: FrameLog, meta: FrameMeta) -> Still:
        """Return the picture of one frame of a film. Raises PictureError, LogError."""
        if not _core.VIDEO:
            raise UnsupportedPictureError("this build of framehop decodes no video; see framehop doctor")
        key = meta.key.stream, meta.key.epoch
        with self._lock:
            reel = self._reels.get(key)
        if reel is None or not reel.is_of(log):
            reel = Reel(log, meta)
        with self._lock:
            self._reels[key] = reel
            self._reels.move_to_end(key)
            while len(self._reels) > MAX_REELS:
                self._reels.popitem(last=False)
        return reel.still(meta)

    def sweep(self) -> bool:
        """Let go of reels that nobody looks at any more; returns whether some are left."""
        now = time.monotonic()
        with self._lock:
            for key in [key for key, reel in self._reels.items() if reel.used_s < now - IDLE_S]:
                del self._reels[key]
            return bool(self._reels)


def _before(log: FrameLog, meta: FrameMeta, within_us: int) -> Iterator[FrameMeta]:
    """Iterate over the frames of the epoch up to this one."""
    before = log.look_back(meta.pointer.topic_partition, meta.pointer.offset + 1, within_us)
    return (each for each in before if (each.key.stream, each.key.epoch) == (meta.key.stream, meta.key.epoch))
