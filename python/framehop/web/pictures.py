"""The pictures that pages look at: each is made once, however many look at it, and none when nobody does."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from framehop.protocols import FrameArchive
from framehop.types import Event, FrameKey, FramePointer
from framehop.web.pool import Pool
from framehop.web.reels import REEL_IDLE_S, Reels
from framehop.web.stills import ShownPicture, boxed, eighths_for, shown, still_of
from framehop.web.units import units_after

KEPT_BYTES = 64 << 20
MADE_S = 20.0  # a film's picture takes the decoding of all pictures since its key frame


class _Key(NamedTuple):
    """One picture. `opened`: which opening of the log it is of, as another log may lie under its name. `frame`: what has to be at
    that place; None for whatever is there. `width`: in eighths of the source where that is known, so that near sizes are one.
    `lane`: whose boxes are drawn in; empty without boxes."""

    opened: int
    pointer: FramePointer
    frame: FrameKey | None
    width: int
    lane: str


class PagePictures:
    """Makes pictures in a pool of threads and keeps the newest of them. Use in the event loop."""

    def __init__(
        self,
        pool: Pool,
        log: Callable[[], FrameArchive],
        opened: Callable[[], int],
        event_of: Callable[[str], Event | None],
    ) -> None:
        """`log`: the open log, or ApiError. `opened`: how often it was opened. `event_of`: the event of an id, if it is known; it
        and `log` are called in the pool."""
        self._pool, self._log, self._opened, self._event_of = pool, log, opened, event_of
        self._kept: OrderedDict[_Key, ShownPicture] = OrderedDict()
        self._bytes = 0
        self._making: dict[_Key, asyncio.Task[ShownPicture]] = {}
        self._reels = Reels()
        self._sweep: asyncio.TimerHandle | None = None

    async def shown(
        self,
        pointer: FramePointer,
        *,
        frame: FrameKey | None = None,
        width: int = 0,
        lane: str = "",
        source_width: int = 0,
    ) -> ShownPicture:
        """Return the picture at `pointer`, at least `width` wide, with the boxes of `lane` if one is named. `frame`: which one it
        has to be. `source_width`: its own width, 0 if it is not known. Raises ApiError, PictureError, LogError,
        MissingExtraError."""
        key = _Key(self._opened(), pointer, frame, _size(width, source_width), lane)
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return kept
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, width))
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task)

    async def units(self, pointer: FramePointer, frame: FrameKey, after: tuple[int, int] | None) -> bytes:
        """Return the units of a film that are needed to show a frame; see `units_after`."""
        return await self._pool.run(lambda: units_after(self._log(), pointer, frame, after), MADE_S)

    async def _make(self, key: _Key, width: int) -> ShownPicture:
        made, whole = await self._pool.run(lambda: self._read(key, width), MADE_S)
        if whole:
            self._keep(key, made)
        if self._sweep is None:
            self._sweep_later()
        return made

    def _made(self, key: _Key, task: asyncio.Task[ShownPicture]) -> None:
        self._making.pop(key, None)
        if not task.cancelled():
            task.exception()  # if all who waited are gone, nobody else takes note of it

    def _read(self, key: _Key, width: int) -> tuple[ShownPicture, bool]:
        """Return the picture, and whether it stays as it is: one that waits for its event has no boxes yet."""
        record, still = still_of(self._log(), key.pointer, self._reels, key.frame)
        if not key.lane:
            return shown(record, still, width), True
        event = self._event_of(record.meta.key.event_id(key.lane))
        return boxed(still, event, width), event is not None

    def _sweep_later(self) -> None:
        """Have films let go once nobody looks at them, without a thread of its own for it."""
        self._sweep = None
        if self._reels.sweep():
            self._sweep = asyncio.get_running_loop().call_later(REEL_IDLE_S, self._sweep_later)

    def _keep(self, key: _Key, made: ShownPicture) -> None:
        self._kept[key] = made
        self._bytes += len(made.jpeg)
        while self._bytes > KEPT_BYTES and self._kept:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= len(gone.jpeg)


def _size(width: int, source_width: int) -> int:
    """Return what tells sizes apart: eighths where the source is known, else the width itself."""
    return eighths_for(width, source_width) if source_width else -width
