"""A thread with a tap of the pipelines on this host, which is attached only while somebody wants pictures."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Protocol

from framehop._core import look_at_ring, need_descriptors
from framehop.errors import FramehopError
from framehop.pipeline.taps.tap import LiveFrame, Tap
from framehop.pipeline.wake import Wake, readable

logger = logging.getLogger(__name__)

AGAIN_S = 2.0  # where there is no pipeline, or it has ended
RINGS_LOOK_S = 5.0  # between two looks whether there are other rings now
SHARE = 0.1  # of its time that these looks may take: no pictures are taken meanwhile, and a stopped pipeline takes three seconds
SLEEP_S = 0.5
RING_S = 1.0  # what the host of a ring may take to answer: it is busy or stopped otherwise
DESCRIPTORS = 32  # libzmq aborts a process that has none left
NOBODY = ("",)  # no stream has this name: notices are taken, pictures are not


class Wishes(Protocol):
    """Says what is wanted of a tap. All but `wait_for_wish` and `rest` return at once."""

    def wait_for_wish(self) -> bool:
        """Wait until pictures are wanted; False when they will never be again."""

    def rest(self, timeout_s: float) -> None:
        """Wait, unless no pictures will be wanted again."""

    def streams(self) -> Collection[str]:
        """Return the streams of which pictures are wanted now and then; none for the tap to let go of the rings."""

    def due(self) -> Collection[str]:
        """Return those of which the very next picture is wanted."""


class TapThread:
    """Hands pictures on as they come. The pipelines never wait for it: a picture for which taps have no slot left is missed. It
    leaves the last place of a ring to whoever attaches by hand, and has no log to go by instead."""

    def __init__(
        self, name: str, wishes: Wishes, rings: Callable[[], list[str]], on_frame: Callable[[LiveFrame], None]
    ) -> None:
        """`rings`: returns the sockets of the rings that there are now. `on_frame`: is called in the thread, and has the frame
        until it returns. The thread ends when the wishes do."""
        self._wishes, self._rings, self._on_frame = wishes, rings, on_frame
        self._wake = Wake()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wake_up(self) -> None:
        """Have it look what is wanted now. Any thread may call it."""
        self._wake.ring()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the thread; False when the time is up."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while self._wishes.wait_for_wish():
                self._serve()
                if self._wishes.streams():
                    self._wishes.rest(AGAIN_S)
        finally:
            self._wake.close()

    def _serve(self) -> None:
        try:
            rings = self._rings()
            if rings and all(map(_has_two_places, rings)):
                self._tap(rings)
        except FramehopError as error:  # such as all of the tap quota in use: the log has these pictures too
            logger.debug("no pictures by a tap: %s", error)
        except Exception:  # one fault must not end the thread
            logger.exception("%s failed", self._thread.name)

    def _tap(self, rings: list[str]) -> None:
        """Take pictures until none are wanted any more, or these are not the rings any more."""
        need_descriptors(DESCRIPTORS, "a tap")
        look_s = time.monotonic() + RINGS_LOOK_S
        with Tap(rings) as tap:
            while tap.alive and (streams := self._wishes.streams()):
                tap.listen_only(streams)
                if not self._take(tap):
                    self._sleep(tap)
                if (began_s := time.monotonic()) >= look_s:
                    if sorted(self._rings()) != sorted(rings):
                        return
                    took_s = time.monotonic() - began_s
                    look_s = time.monotonic() + max(RINGS_LOOK_S, took_s / SHARE)

    def _take(self, tap: Tap) -> bool:
        """Take what has come, up to one picture."""
        frame = tap.wait(self._wishes.due() or NOBODY, 0.0, every=True)
        if frame is None:
            return False
        with frame:
            self._on_frame(frame)
        return True

    def _sleep(self, tap: Tap) -> None:
        """Wait until the tap has something, or something else is wanted."""
        readable([self._wake.fileno(), *tap.filenos()], SLEEP_S)
        self._wake.clear()


def _has_two_places(ring: str) -> bool:
    """Return whether another tap finds a place beside us. Two threads that look at once may still take both."""
    look = look_at_ring(ring, timeout_s=RING_S)
    return look.tap_quota - sum(holder.role == "tap" for holder in look.holders) >= 2
