"""Everything that the page looks at, of one log: made, started and closed together."""

from __future__ import annotations

import contextlib
import time
from typing import Self

import msgspec

from framehop.errors import FramehopError
from framehop.log import LogAt
from framehop.pipeline.control_plane.of_log import LANE, rings_of
from framehop.pipeline.look import Look
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.pipeline.supervisor.rate import Rate
from framehop.types import Event, EventRecord, Gap, PartitionLag
from framehop.web.feed import Feed
from framehop.web.following import Follower
from framehop.web.index import EventIndex
from framehop.web.live import LiveState
from framehop.web.newest import Newest
from framehop.web.picture_tap import PictureTap
from framehop.web.pictures import PagePictures
from framehop.web.pipelines import Pipelines, look_at_pipelines, look_at_streams
from framehop.web.pool import Pool
from framehop.web.taking import EventHandout
from framehop.web.tapped import Tapped

LAG_EVERY_S = 2.0
GAPS_EVERY_S = 30.0
MAX_LANES = 16  # whose lag is looked at

_events = msgspec.json.Decoder(Event)


class Desk:
    """The log's follower, the index, the live state, the looks at what is slow, and the threads for all of it."""

    def __init__(self, at: LogAt) -> None:
        self.at = at
        self.index = EventIndex(at.url)
        self.live = LiveState()
        self.feed = Feed()
        self.tapped = Tapped()
        self.handout = EventHandout(self.index, self.live, self._tell)
        self.follower = Follower(at, self.handout)
        self.pool = Pool("framehop-ui", threads=4, waiting=64)
        self.picture_pool = Pool("framehop-ui-pictures", threads=2, waiting=64)
        self.pictures = PagePictures(self.picture_pool, self.follower.log, lambda: self.follower.opened, self.event)
        self.tap = PictureTap(self.tapped, lambda: rings_of(at), self.feed.wake)
        self.newest = Newest(self.live, self.feed, self.pictures, self.tap)
        self.pipelines = Look("framehop-ui-status", lambda: look_at_pipelines(at), Pipelines())
        self.sources = Look("framehop-ui-streams", lambda: look_at_streams(at), list[StreamStatus]())
        self.gaps = Look("framehop-ui-gaps", self._read_gaps, list[Gap](), every_s=GAPS_EVERY_S)
        self.ends = Rate()  # of the frames that the log takes
        self._lags: dict[str, Look[list[PartitionLag]]] = {}

    def start(self) -> None:
        """Begin to read the log."""
        self.follower.start()

    def _tell(self, records: list[EventRecord]) -> None:
        self.tapped.note(records)  # before those who wait for a picture are woken
        self.feed.publish(records)

    def lag(self, lane: str = LANE) -> Look[list[PartitionLag]]:
        """Return the look at a lane's lag. Use in the event loop."""
        if lane not in self._lags:
            if len(self._lags) >= MAX_LANES:
                self._lags.pop(next(name for name in self._lags if name != LANE)).close()
            name = f"framehop-ui-lag-{lane}"
            self._lags[lane] = Look(name, lambda: self._read_lag(lane), list[PartitionLag](), every_s=LAG_EVERY_S)
        return self._lags[lane]

    def _read_lag(self, lane: str) -> list[PartitionLag]:
        found = self.follower.log().lag(f"detect-{lane}")
        if lane == LANE:
            self.ends.note(time.monotonic(), sum(partition.end for partition in found))
        return found

    def _read_gaps(self) -> list[Gap]:
        return self.follower.log().gaps()

    def event(self, event_id: str) -> Event | None:
        """Return an event that the index has; None for any other. Raises LogError."""
        raw = self.index.event(event_id)
        return None if raw is None else _events.decode(raw)

    @property
    def error(self) -> str:
        """The reason why the log cannot be read now; empty if it can."""
        return self.follower.error

    def close(self) -> None:
        """End the threads, without waiting for a log that does not answer. Closing twice is harmless."""
        self.follower.close()
        self.tap.close()
        self.pipelines.close()
        self.sources.close()
        self.gaps.close()
        for look in self._lags.values():
            look.close()
        self.pool.close()
        self.picture_pool.close()
        with contextlib.suppress(FramehopError):  # it can be made again from the log
            self.index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
