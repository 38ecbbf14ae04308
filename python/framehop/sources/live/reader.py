"""Reads one connection in a thread of its own, because a wait inside FFmpeg cannot be interrupted, into a bounded queue."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from framehop.protocols import Picture, SourceFacts
from framehop.sources.live.connecting import Connecting
from framehop.sources.live.connection import LiveConnection
from framehop.sources.live.flaws import told

QUEUE_BYTES = 8 << 20  # seconds of most cameras, and 64 of them take half a GiB while the log stands still
QUEUE_PICTURES = 1024
PATIENCE_S = 5.0  # how long a camera is held back by not reading; most give up a client some time later
TOO_SLOW = "pictures that the log did not take in time"
AT_STOP = "pictures that had come when reading stopped"


class Reader:
    """The thread and what it has read. While the queue is full it stops reading, and a camera is held back; after PATIENCE_S the
    pictures are dropped and counted, up to a key frame that finds room and begins anew. A recording waits without end. The other
    methods are for one thread."""

    def __init__(self, how: Connecting, connect: Callable[[Connecting], LiveConnection] = LiveConnection) -> None:
        """Begin to connect. `connect`: makes the connection, in the thread."""
        self._how = how
        self._connect = connect
        self._changed = threading.Condition()
        self._queue: deque[Picture] = deque()
        self._bytes = 0
        self._closed = False
        self._dropping = False
        self._ended = False
        self._error: Exception | None = None
        self._film = False
        self._waiting_since_s: float | None = time.monotonic()  # for the camera
        self.facts = SourceFacts()
        self._thread = threading.Thread(target=self._run, name=f"camera-{how.name}", daemon=True)
        self._thread.start()

    # ---- the other side

    def take(self, timeout_s: float) -> Picture | None:
        """Return the next picture; None when there is none in time, or when none will come; see `over`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._queue or self._ended, timeout_s) or not self._queue:
                return None
            picture = self._queue.popleft()
            self._bytes -= len(picture.payload)
            self._changed.notify_all()
            return picture

    @property
    def over(self) -> bool:
        """Whether everything has been taken and nothing more will come. Raises what ended the connection, unless it came to the end
        of a recording."""
        with self._changed:
            if self._queue or not self._ended:
                return False
        if self._error is not None:
            raise self._error
        return True

    def close(self) -> None:
        """Ask the thread to end, and wait for nothing: it may hang in FFmpeg, and ends when its wait does. What nobody has taken is
        counted."""
        with self._changed:
            self._closed = True
            if self._queue:
                self._how.losses.add(AT_STOP, len(self._queue))
            self._queue.clear()
            self._bytes = 0
            self._changed.notify_all()

    @property
    def silent_s(self) -> float:
        """Seconds since it began to wait for the camera; 0 while it waits for room in the queue."""
        since_s = self._waiting_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    @property
    def alive(self) -> bool:
        """Whether its connection may be open. The thread itself may live a moment longer."""
        return not self._ended and self._thread.is_alive()

    # ---- the thread

    def _run(self) -> None:
        error: Exception | None = None
        try:
            self._read()
        except Exception as found:  # noqa: BLE001  `over` raises it
            error = told(found, self._how.name, film=self._film)
        with self._changed:
            self._error, self._ended = error, True
            self._changed.notify_all()

    def _read(self) -> None:
        with self._connect(self._how) as connection:
            self._film = connection.is_recording
            for picture in connection.pictures(self._ends):
                self.facts = connection.facts
                self._waiting_since_s = None
                self._put(picture)
                self._waiting_since_s = time.monotonic()

    def _ends(self) -> bool:
        """Return whether to read no more. Asked before each wait inside FFmpeg."""
        self._waiting_since_s = time.monotonic()
        return self._closed

    def _put(self, picture: Picture) -> None:
        with self._changed:
            if self._dropping and not (picture.keyframe and self._fits(picture)):
                self._how.losses.add(TOO_SLOW)
                return
            patience_s = None if picture.due_us is not None else PATIENCE_S
            if not self._changed.wait_for(lambda: self._closed or self._fits(picture), patience_s):
                self._dropping = True
                self._how.losses.add(TOO_SLOW)
                return
            if self._closed:
                self._how.losses.add(AT_STOP)
                return
            self._queue.append(replace(picture, begins=True) if self._dropping else picture)
            self._dropping = False
            self._bytes += len(picture.payload)
            self._changed.notify_all()

    def _fits(self, picture: Picture) -> bool:
        if not self._queue:
            return True
        return self._bytes + len(picture.payload) <= QUEUE_BYTES and len(self._queue) < QUEUE_PICTURES
