"""A worker as its taps see it: a ring, and notices about the pictures in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from framehop import _core
from framehop.decode import Decoded
from framehop.pipeline.taps.notices import notices_path
from framehop.pipeline.worker.notice_board import NoticeBoard
from framehop.types import Event
from tests.frames import job_of, record_of
from tests.logs import make_event

WIDTH, HEIGHT = 64, 48
SLOTS, QUOTA = 4, 2


class TapWorker:
    """Publishes pictures and tells of them, as a worker does. `source`: width and height before they were scaled for the ring."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.source = (2 * WIDTH, 2 * HEIGHT)
        self.ring = _core.Ring.create(self.path, slots=SLOTS, slot_bytes=3 * WIDTH * HEIGHT, tap_quota=QUOTA)
        self.board = NoticeBoard(notices_path(self.path))

    def show(self, seq: int, stream: str = "gate") -> Decoded:
        slot = self.ring.wait_acquire(_core.FrameTag(stream, 1, seq), 30)
        assert slot is not None
        slot.array(HEIGHT, WIDTH)[:] = seq % 256
        frame = Decoded(job=job_of(record_of(seq, stream=stream)), ref=slot.publish(), size=self.source, decode_us=0)
        self.board.shown([frame])
        return frame

    def answer(self, frame: Decoded) -> Event:
        self.ring.retire(frame.ref)
        event = replace(make_event(frame.record), width=self.source[0], height=self.source[1])
        self.board.known(event)
        return event

    def is_heard(self, times: int = 1) -> bool:
        """Whether so many streams are listened to."""
        self.board.shown([])
        return len(self.board._listeners) == times

    def is_heard_of(self, stream: str) -> bool:
        """Whether this very stream is listened to."""
        self.board.shown([])
        return self.board._listeners.names(stream)

    def close(self) -> None:
        self.board.close()
        self.ring.close()
