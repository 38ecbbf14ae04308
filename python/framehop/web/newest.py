"""Finds the newest picture of a stream, with its event, where it is cheapest: in the log, or in a pipeline's ring."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from framehop.types import EventRecord
from framehop.web.feed import Feed
from framehop.web.live import MAX_STREAMS, LiveState
from framehop.web.picture_tap import PictureTap
from framehop.web.pictures import PagePictures
from framehop.web.tapped import Found

EpochSeq = tuple[int, int]  # by which the frames of a stream are in order


class Newest:
    """Chooses by what a picture costs. A JPEG of the log is there in every size and for every frame, and costs little or nothing. A
    picture of a film costs the decoding of all since its key frame, which the pipeline has done already: so those of the tap are
    taken, and those of the log only where the tap has none of now. Use in the event loop."""

    def __init__(self, live: LiveState, feed: Feed, pictures: PagePictures, tap: PictureTap) -> None:
        self._live, self._feed, self._pictures, self._tap = live, feed, pictures, tap
        self._films: OrderedDict[str, int] = OrderedDict()  # the epochs that are known to be films, by stream

    async def after(self, stream: str, event_id: str, *, width: int, wait_s: float) -> Found | None:
        """Return the picture to show if it is of another event than `event_id`; wait for one if it is not. `width`: 0 for the
        source's own. Raises what PagePictures.shown does."""
        deadline = asyncio.get_running_loop().time() + wait_s
        while not self._feed.closed.is_set():
            if (found := await self._look(stream, event_id, width)) is not None:
                return found
            left_s = deadline - asyncio.get_running_loop().time()
            if left_s <= 0:
                return None
            await self._feed.wait_for(stream, left_s)
        return None

    async def units(self, stream: str, after: tuple[int, int] | None, *, wait_s: float) -> bytes | None:
        """Return what is new of a film up to the newest picture to show, see `units_after`; wait for that. None if nothing is."""
        deadline = asyncio.get_running_loop().time() + wait_s
        while not self._feed.closed.is_set():
            record = self._live.shown(stream)
            if record is not None and (record.event.epoch, record.event.frame.offset) > (after or (0, -1)):
                return await self._pictures.units(record.event.frame, record.event.key, after)
            left_s = deadline - asyncio.get_running_loop().time()
            if left_s <= 0:
                return None
            await self._feed.wait_for(stream, left_s)
        return None

    async def _look(self, stream: str, event_id: str, width: int) -> Found | None:
        record = self._live.shown(stream)
        if record is None:
            return None
        if self._films.get(stream) == record.event.epoch:
            tapped = self._tap.newest(stream, width, record.event.width)
            if tapped is not None and tapped.record.event.epoch == record.event.epoch:
                return tapped if _epoch_seq(tapped.record.event.event_id) > _epoch_seq(event_id) else None
        return None if record.event.event_id == event_id else await self._from_log(record, width)

    async def _from_log(self, record: EventRecord, width: int) -> Found:
        event = record.event
        shown = await self._pictures.shown(event.frame, frame=event.key, width=width, source_width=event.width)
        if shown.film:
            self._films[event.stream] = event.epoch
            self._films.move_to_end(event.stream)
            if len(self._films) > MAX_STREAMS:
                self._films.popitem(last=False)
        return Found(record, shown)


def _epoch_seq(event_id: str) -> EpochSeq:
    """Return the epoch and seq in an event's id; a pair before all others for what is no id."""
    _, epoch, seq, _ = event_id.split("/") if event_id.count("/") == 3 else ("", "", "", "")
    if not (epoch.isascii() and epoch.isdigit() and seq.isascii() and seq.isdigit() and len(epoch + seq) < 40):
        return (0, -1)
    return int(epoch), int(seq)
