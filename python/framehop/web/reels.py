"""The films that somebody looks at: their decoders go on from picture to picture, and are let go when nobody looks any more."""

from __future__ import annotations

import threading
import time
import zlib

from framehop.protocols import FrameArchive
from framehop.sinks.film_decoder import Still
from framehop.sinks.pictures import Pictures
from framehop.types import FrameRecord

SHARDS = 4  # films of different shards are decoded side by side
SHARD_BYTES = 256 << 20
SHARD_FILMS = 16
REEL_IDLE_S = 15.0  # a decoder holds pictures, which is no use when nobody has looked for so long


class Reels:
    """The pictures of films, by stream. Thread-safe."""

    def __init__(self) -> None:
        self._shards = [_Shard() for _ in range(SHARDS)]

    def still(self, log: FrameArchive, record: FrameRecord) -> Still:
        """Return the picture of a frame that was read from `log`. Raises PictureError, LogError."""
        return self._shards[zlib.crc32(record.meta.key.stream.encode()) % SHARDS].still(log, record)

    def sweep(self) -> bool:
        """Let go of what nobody looks at any more; returns whether something is left."""
        left = [shard.sweep() for shard in self._shards]  # of each, not only up to the first that has some
        return any(left)


class _Shard:
    """The films of some streams. One thread at a time decodes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._log: FrameArchive | None = None
        self._pictures: Pictures | None = None
        self._used_s = 0.0

    def still(self, log: FrameArchive, record: FrameRecord) -> Still:
        with self._lock:
            self._used_s = time.monotonic()
            if self._pictures is None or self._log is not log:
                self._log, self._pictures = log, Pictures(log, max_films=SHARD_FILMS, max_bytes=SHARD_BYTES)
            return self._pictures.still_of(record)

    def sweep(self) -> bool:
        if self._lock.acquire(blocking=False):  # whoever holds it looks just now
            try:
                if self._used_s < time.monotonic() - REEL_IDLE_S:
                    self._log = self._pictures = None
            finally:
                self._lock.release()
        return self._pictures is not None
