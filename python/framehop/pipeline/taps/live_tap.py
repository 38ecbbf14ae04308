"""Copies of the pictures that pipelines on this host have just detected something in, for who reads their events from the log."""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from typing import TYPE_CHECKING

from framehop.log import LogAt
from framehop.types import Event

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from framehop.pipeline.taps.tap import LiveFrame
    from framehop.pipeline.taps.tap_thread import TapThread

IDLE_S = 5.0  # who has not asked for so long has its pictures from the log, for the time being
SMALL_S = 60.0  # until pictures of a stream are looked at again that were smaller than the source
KEPT = 8  # pictures of a stream
KEPT_BYTES = 128 << 20  # of all

EpochSeq = tuple[int, int]  # by which the frames of a stream are in order


class LiveTap:
    """Pictures at full size that pipelines of one lane have in their rings, as they come. What is missed, or smaller than its
    source because the network needs no more, is in the log. Nothing is attached before the first `take`. Thread-safe."""

    def __init__(self, at: LogAt) -> None:
        self._at = at
        self._changed = threading.Condition()
        self._lane = ""
        self._asked: dict[str, float] = {}
        self._small: dict[str, float] = {}
        self._kept: dict[str, OrderedDict[EpochSeq, NDArray[np.uint8]]] = {}
        self._bytes = 0
        self._closed = False
        self._thread: TapThread | None = None

    def take(self, event: Event) -> NDArray[np.uint8] | None:
        """Return the picture of an event, read-only uint8 [H, W, 3], RGB, yours to keep; None when it is not here. Forgets those
        that came before it. From now on pictures of its stream are copied, for IDLE_S."""
        if event.outcome != "detected":
            return None
        with self._changed:
            if self._closed:
                return None
            self._lane = event.lane
            self._asked[event.stream] = time.monotonic()
            self._changed.notify_all()
            self._start()
            key, kept = (event.epoch, event.seq), self._kept.get(event.stream, OrderedDict())
            picture = kept.get(key)
            while kept and next(iter(kept)) <= key:
                self._drop_oldest(event.stream)
            return picture

    def _start(self) -> None:
        if self._thread is None:
            from framehop.pipeline.control_plane.of_log import rings_of
            from framehop.pipeline.taps.tap_thread import TapThread  # with ZeroMQ, which the log may not need

            self._thread = TapThread("framehop-live-tap", self, lambda: rings_of(self._at, self._lane), self.keep)

    def _drop_oldest(self, stream: str) -> None:
        self._bytes -= self._kept[stream].popitem(last=False)[1].nbytes

    # ---- for the tap's thread

    def wait_for_wish(self) -> bool:
        with self._changed:
            while not (self._closed or self.streams()):  # those that are small are asked for, but not wanted
                self._changed.wait(IDLE_S if self._asked else None)
            return not self._closed

    def rest(self, timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, timeout_s)

    def streams(self) -> Collection[str]:
        now_s = time.monotonic()
        with self._changed:
            _forget_before(self._small, now_s - SMALL_S)
            for stream in _forget_before(self._asked, now_s - IDLE_S):
                self._forget(stream)
            return () if self._closed else [name for name in self._asked if name not in self._small]

    def due(self) -> Collection[str]:
        return self.streams()

    def keep(self, frame: LiveFrame) -> None:
        """Copy a picture, if it is one that is asked for."""
        event, ref = frame.event, frame.lease.ref
        if (ref.width, ref.height) != (event.width, event.height):
            with self._changed:
                self._small[event.stream] = time.monotonic()
            return
        picture = frame.pixels.copy()
        picture.flags.writeable = False
        with self._changed:
            if event.stream in self._asked and not self._closed:
                self._put(event, picture)

    def _put(self, event: Event, picture: NDArray[np.uint8]) -> None:
        kept = self._kept.setdefault(event.stream, OrderedDict())
        twice = kept.pop((event.epoch, event.seq), None)  # its worker died, and the next one has it again
        if twice is not None:
            self._bytes -= twice.nbytes
        kept[event.epoch, event.seq] = picture
        self._bytes += picture.nbytes
        while len(kept) > KEPT or (self._bytes > KEPT_BYTES and kept):
            self._drop_oldest(event.stream)

    def _forget(self, stream: str) -> None:
        for _ in range(len(self._kept.get(stream, ()))):
            self._drop_oldest(stream)
        self._kept.pop(stream, None)

    def close(self) -> None:
        """Have the thread end, without waiting for it. Closing twice is harmless."""
        if sys.is_finalizing():  # the thread is gone, and may have taken the lock with it
            return
        with self._changed:
            self._closed = True
            for stream in list(self._kept):
                self._forget(stream)
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.wake_up()


def _forget_before(times: dict[str, float], oldest_s: float) -> list[str]:
    """Forget streams of before a moment, and return them."""
    gone = [stream for stream, since_s in times.items() if since_s < oldest_s]
    for stream in gone:
        del times[stream]
    return gone
