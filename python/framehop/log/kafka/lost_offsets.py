"""How far a group had come whose offsets the broker has no more: they were deleted, or expired. The events tell.

An event names its frame's offset, and lies in the partition of events that belongs to the frame's. So the newest events of that
partition are read, and what they reach to without a hole is done. The work is bounded: a worker waits for it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import Message

from framehop.errors import FramehopError, LogUnavailableError
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.partition_scan import PartitionScan, begins, ends
from framehop.log.kafka.wire import NotOursError, parse_frame, parse_outcome
from framehop.types import EventRecord, FrameKey, Gap, Partition

logger = logging.getLogger(__name__)

WINDOW = 10_000  # events read at a time, from the end on: more than any worker has in flight
WINDOWS = 10  # so far back and no further, when other lanes have written since
HOLES = 64  # records without an event that are looked at, for being no frames

Places = Iterable[Partition]


@dataclass(slots=True)
class Seen:
    """Events of one partition of frames, by the offset of their frame, and ranges that retention took. `newest`: of the events, as
    they were written."""

    keys: dict[int, FrameKey] = field(default_factory=dict)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    newest: int = -1

    def event(self, offset: int, key: FrameKey) -> None:
        if self.keys.get(offset, key) != key:  # the topic was made anew, and what came before is of the old one
            self.keys.clear()
            self.gaps.clear()
        self.keys[offset] = key
        self.newest = offset

    def accounted(self, offset: int) -> bool:
        return offset in self.keys or any(first <= offset <= last for first, last in self.gaps)


def find_done(connection: Connection, group: str, places: Places) -> dict[Partition, int]:
    """By partition of frames: the offset up to which each frame has its event in the lane of `group`; partitions without events
    are absent, and so are all for a group that is no lane's. Says what it finds."""
    prefix = connection.url.group("detect-")
    if not group.startswith(prefix):
        return {}
    look = _Look(connection, group.removeprefix(prefix))
    try:
        return look.done(places)
    except LogUnavailableError:  # which passes
        raise
    except FramehopError as error:
        logger.warning(
            "group %s has no offsets, and its events cannot be looked at for how far it had come: %s; frames that have events may "
            "be detected again",
            group,
            error,
        )
        return {}


class _Look:
    """One look at the events of a lane."""

    def __init__(self, connection: Connection, lane: str) -> None:
        self._connection, self._lane = connection, lane

    def done(self, places: Places) -> dict[Partition, int]:
        found = {place: self._done_of(place, seen) for place, seen in self._look_back(places).items()}
        return {place: offset for place, offset in found.items() if offset is not None}

    # ---- the events

    def _look_back(self, places: Places) -> dict[Partition, Seen]:
        """What the events say, by partition of frames, where there are any."""
        homes = self._connection.places_of(self._connection.url.detections)
        by_home: defaultdict[Partition, set[Partition]] = defaultdict(set)
        for place in places:
            by_home[homes[place.number % len(homes)]].add(place)
        oldest, newest = begins(self._connection, by_home), ends(self._connection, by_home)
        found: dict[Partition, Seen] = {}
        for home, wanted in by_home.items():
            found |= self._search(home, wanted, range(oldest[home], newest[home]))
        return found

    def _search(self, home: Partition, wanted: set[Partition], kept: range) -> dict[Partition, Seen]:
        """One window after the other, back from the end of what is `kept`, until every partition has an event."""
        found: dict[Partition, Seen] = {}
        for _ in range(WINDOWS):
            window, kept = kept[-WINDOW:], kept[:-WINDOW]
            if not window or not wanted:
                break
            found |= self._read(home, wanted, window)
            wanted = wanted - found.keys()
        return found

    def _read(self, home: Partition, wanted: set[Partition], window: range) -> dict[Partition, Seen]:
        seen: defaultdict[Partition, Seen] = defaultdict(Seen)
        for message in self._records(home, window):
            match _outcome(message):
                case EventRecord(event=event) if event.lane == self._lane and event.frame.place in wanted:
                    seen[event.frame.place].event(event.frame.offset, event.key)
                case Gap() as gap if gap.place in wanted:
                    seen[gap.place].gaps.append((gap.first_offset, gap.last_offset))
        return {place: events for place, events in seen.items() if events.keys}

    def _records(self, place: Partition, window: range) -> Iterator[Message]:
        with PartitionScan(self._connection, {place: window.start}) as scan:
            for message in scan:
                if (message.offset() or 0) >= window.stop:
                    return
                yield message

    # ---- and the frames that they are of

    def _done_of(self, place: Partition, seen: Seen) -> int | None:
        """None when these are events of another topic that had the same name."""
        kept = range(*(look(self._connection, [place]).get(place, 0) for look in (begins, ends)))
        top = next((top for top in (max(seen.keys), seen.newest) if self._is_there(place, seen, top, kept)), None)
        if top is None:
            return None
        done = self._contiguous(place, seen, range(max(kept.start, min(seen.keys)), top))
        logger.warning(
            "the broker has no offset of this group for %s any more: deleted, or expired (offsets.retention.minutes). By its "
            "events the group had come to %d, and goes on there",
            place,
            done,
        )
        return done

    def _is_there(self, place: Partition, seen: Seen, offset: int, kept: range) -> bool:
        """Whether the frame of that event is the one that lies there, or has been removed from there."""
        return offset < kept.start or (offset < kept.stop and self._key_at(place, offset) == seen.keys[offset])

    def _key_at(self, place: Partition, offset: int) -> FrameKey | None:
        """None for what is no frame."""
        for message in self._records(place, range(offset, offset + 1)):
            try:
                return parse_frame(message).key
            except NotOursError:
                return None
        return None

    def _contiguous(self, place: Partition, seen: Seen, below: range) -> int:
        """The first offset at which there is a frame and no event; else one behind the last event."""
        holes = [offset for offset in below if not seen.accounted(offset)]
        for hole in holes[:HOLES]:
            if self._key_at(place, hole) is not None:
                return hole
        return holes[HOLES] if len(holes) > HOLES else below.stop + 1


def _outcome(message: Message) -> EventRecord | Gap | None:
    try:
        return parse_outcome(message)
    except NotOursError:
        return None
