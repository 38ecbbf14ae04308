"""Find how far a group had come when its offsets were deleted or expired at the broker. The events tell.

An event names its frame's offset and lies in the events' partition that belongs to the frame's partition. So the newest events of
that partition are read, and the frames that they cover without a hole are done. The work is bounded, because a worker waits for it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import Message

from framehop.errors import FramehopError, LogUnavailableError
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.offset_queries import begins, ends
from framehop.log.kafka.partition_scan import PartitionScan
from framehop.log.kafka.wire import NotOursError, parse_frame, parse_outcome
from framehop.types import EventRecord, FrameKey, Gap, Partition

logger = logging.getLogger(__name__)

WINDOW = 10_000  # events read at a time, backwards from the end; more than any worker has in flight
WINDOWS = 10  # the most windows read when other lanes have written since
HOLES = 64  # records without an event that are checked for being no frames


@dataclass(slots=True)
class SeenEvents:
    """Events of one partition of frames, by the offset of their frame, and ranges that retention removed. `newest`: the frame's
    offset in the event written last."""

    keys: dict[int, FrameKey] = field(default_factory=dict)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    newest: int = -1

    def event(self, offset: int, key: FrameKey) -> None:
        if self.keys.get(offset, key) != key:  # the topic was made again; earlier events belong to the old one
            self.keys.clear()
            self.gaps.clear()
        self.keys[offset] = key
        self.newest = offset

    def accounted(self, offset: int) -> bool:
        return offset in self.keys or any(first <= offset <= last for first, last in self.gaps)


def find_done(connection: Connection, group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
    """Return the offset up to which each frame has its event in the lane of `group`, by partition of frames. Partitions without
    events are absent; a group that belongs to no lane gives an empty result. Logs what it finds."""
    prefix = connection.url.group("detect-")
    if not group.startswith(prefix):
        return {}
    look = _Look(connection, group.removeprefix(prefix))
    try:
        return look.done(partitions)
    except LogUnavailableError:  # the broker may come back
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

    def done(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        found = {partition: self._done_of(partition, seen) for partition, seen in self._look_back(partitions).items()}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    # ---- the events

    def _look_back(self, partitions: Iterable[Partition]) -> dict[Partition, SeenEvents]:
        """Read the events by partition of frames, where there are any."""
        homes = self._connection.partitions_of(self._connection.url.detections)
        by_home: defaultdict[Partition, set[Partition]] = defaultdict(set)
        for partition in partitions:
            by_home[homes[partition.number % len(homes)]].add(partition)
        oldest, newest = begins(self._connection, by_home), ends(self._connection, by_home)
        found: dict[Partition, SeenEvents] = {}
        for home, wanted in by_home.items():
            found |= self._search(home, wanted, range(oldest[home], newest[home]))
        return found

    def _search(self, home: Partition, wanted: set[Partition], kept: range) -> dict[Partition, SeenEvents]:
        """Read window after window, backwards from the end of what is `kept`, until every partition has an event."""
        found: dict[Partition, SeenEvents] = {}
        for _ in range(WINDOWS):
            window, kept = kept[-WINDOW:], kept[:-WINDOW]
            if not window or not wanted:
                break
            found |= self._read(home, wanted, window)
            wanted = wanted - found.keys()
        return found

    def _read(self, home: Partition, wanted: set[Partition], window: range) -> dict[Partition, SeenEvents]:
        seen: defaultdict[Partition, SeenEvents] = defaultdict(SeenEvents)
        for message in self._records(home, window):
            match _outcome(message):
                case EventRecord(event=event) if event.lane == self._lane and event.frame.topic_partition in wanted:
                    seen[event.frame.topic_partition].event(event.frame.offset, event.key)
                case Gap() as gap if gap.topic_partition in wanted:
                    seen[gap.topic_partition].gaps.append((gap.first_offset, gap.last_offset))
        return {partition: events for partition, events in seen.items() if events.keys}

    def _records(self, partition: Partition, window: range) -> Iterator[Message]:
        with PartitionScan(self._connection, {partition: window.start}) as scan:
            for message in scan:
                if (message.offset() or 0) >= window.stop:
                    return
                yield message

    # ---- and their frames

    def _done_of(self, partition: Partition, seen: SeenEvents) -> int | None:
        """Return the offset up to which the frames are done; None when the events belong to another topic that had the same
        name."""
        kept = range(*(look(self._connection, [partition]).get(partition, 0) for look in (begins, ends)))
        top = next((top for top in (max(seen.keys), seen.newest) if self._is_there(partition, seen, top, kept)), None)
        if top is None:
            return None
        done = self._contiguous(partition, seen, range(max(kept.start, min(seen.keys)), top))
        logger.warning(
            "the broker has no offset of this group for %s any more: deleted, or expired (offsets.retention.minutes). By its "
            "events the group had come to %d, and goes on there",
            partition,
            done,
        )
        return done

    def _is_there(self, partition: Partition, seen: SeenEvents, offset: int, kept: range) -> bool:
        """Return whether that event's frame lies at this offset, or has been removed from it."""
        return offset < kept.start or (offset < kept.stop and self._key_at(partition, offset) == seen.keys[offset])

    def _key_at(self, partition: Partition, offset: int) -> FrameKey | None:
        """Return the key of the frame at an offset; None if there is no frame."""
        for message in self._records(partition, range(offset, offset + 1)):
            try:
                return parse_frame(message).key
            except NotOursError:
                return None
        return None

    def _contiguous(self, partition: Partition, seen: SeenEvents, below: range) -> int:
        """Return the first offset that has a frame and no event; else the offset after the last event."""
        holes = [offset for offset in below if not seen.accounted(offset)]
        for hole in holes[:HOLES]:
            if self._key_at(partition, hole) is not None:
                return hole
        return holes[HOLES] if len(holes) > HOLES else below.stop + 1


def _outcome(message: Message) -> EventRecord | Gap | None:
    try:
        return parse_outcome(message)
    except NotOursError:
        return None
