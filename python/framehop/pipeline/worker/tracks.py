"""Gives the objects of tracked streams their ids, just before their events become durable, and goes on exactly after a crash.

What a tracker knows follows from the last events of its stream. So a successor needs nothing but these, and where they begin: with
its offset a group keeps, behind what the decoders need, the offset of the oldest event that matters, as in `v1:120;e4711`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from framehop.pipeline.worker.commit_rule import Batch
from framehop.pipeline.worker.track_places import TrackedEvent
from framehop.pipeline.worker.track_state import TenureTracks
from framehop.protocols import CommitResult, EventLog, Tenure
from framehop.tracked import TrackedStreams
from framehop.types import Event, Partition

REPLAY = 1 << 16  # the most events of a log that are read again for a partition
_KEPT = re.compile(r"v1:[0-9]{1,18};e([0-9]{1,18})(?:;.*)?")  # behind it may lie what later versions keep


@dataclass(slots=True)
class _Tenure:
    """A partition since it came. `began`: the first event that mattered at its last commit, None if no stream of it was ever
    tracked. `tracks`: None until the log was read."""

    number: int
    offset: int
    began: int | None
    tracks: TenureTracks | None = None


class Tracks:
    """The trackers of a worker's streams, by partition and tenure. `begin` is called by the thread that polls, the rest by the one
    that commits."""

    def __init__(self, log: EventLog, lane: str, tracked: TrackedStreams) -> None:
        self._log, self._lane, self._tracked = log, lane, tracked
        self._lock = threading.Lock()
        self._tenures: dict[Partition, _Tenure] = {}
        self._pending: list[tuple[TenureTracks, str, TrackedEvent]] = []

    def begin(self, tenures: Mapping[Partition, Tenure]) -> None:
        """Begin the tenures of partitions that came, or came back."""
        with self._lock:
            self._tenures.update({partition: _begun(tenure) for partition, tenure in tenures.items()})

    def follow(self, batch: Batch) -> list[Event]:
        """Return the events with their ids. Reads the log where a tenure has just begun. Raises LogError, and then nothing has
        changed: ask again."""
        if not self._tracked.some:
            return batch.events
        tenures = self._present(batch.tenures)
        for partition in {event.frame.topic_partition for event in batch.events if self._tracked.has(event.stream)}:
            if partition in tenures:
                self._restore(partition, tenures[partition])
        return [self._followed(event, tenures.get(event.frame.topic_partition)) for event in batch.events]

    def metadata(self, found: Mapping[Partition, str], tenures: Mapping[Partition, int]) -> dict[Partition, str]:
        """Return what a commit is to keep: `found`, by partition, and behind it where the tracks of a successor begin. `tenures`:
        of the commit."""
        present = self._present(tenures)
        return {partition: text + _kept(present.get(partition)) for partition, text in found.items()}

    def committed(self, batch: Batch, result: CommitResult) -> None:
        """Note where the events of the last `follow` lie now, and how far the partitions are done."""
        for tracks, event_id, place in self._pending:
            if (offset := result.offsets.get(event_id)) is not None:
                place.event = offset
                tracks.end = max(tracks.end, offset + 1)
        self._pending.clear()
        for partition, tenure in self._present(batch.tenures).items():
            if tenure.tracks is not None and partition in batch.marks:
                tenure.tracks.finish(batch.marks[partition])
        self._end({partition: batch.tenures[partition] for partition in result.lost})

    def _followed(self, event: Event, tenure: _Tenure | None) -> Event:
        if tenure is None or tenure.tracks is None or not self._tracked.has(event.stream):
            return event
        followed, place = tenure.tracks.follow(event)
        if place is not None:
            self._pending.append((tenure.tracks, event.event_id, place))
        return followed

    def _restore(self, partition: Partition, tenure: _Tenure) -> None:
        """Read the events again that matter to a tenure, unless that was done."""
        if tenure.tracks is not None:
            return
        end = self._log.events_end(partition)
        tracks = TenureTracks(tenure.offset, end, fresh=tenure.began is None)
        if tenure.began is not None:
            for record in self._log.events_of(partition, max(tenure.began, end - REPLAY)):
                if record.event.lane == self._lane:
                    tracks.recall(record)
        tenure.tracks = tracks

    def _present(self, numbers: Mapping[Partition, int]) -> dict[Partition, _Tenure]:
        """Return the tenures that have not ended."""
        with self._lock:
            return {
                partition: tenure
                for partition, tenure in self._tenures.items()
                if numbers.get(partition) == tenure.number
            }

    def _end(self, tenures: Mapping[Partition, int]) -> None:
        """Forget tenures that are over, but not those that have begun since."""
        over = self._present(tenures)
        with self._lock:
            self._tenures = {
                partition: tenure for partition, tenure in self._tenures.items() if tenure is not over.get(partition)
            }


def _begun(tenure: Tenure) -> _Tenure:
    kept = _KEPT.fullmatch(tenure.metadata)
    return _Tenure(number=tenure.number, offset=tenure.offset, began=int(kept[1]) if kept else None)


def _kept(tenure: _Tenure | None) -> str:
    """Return the part of the metadata that tells where tracks begin. Where none was followed, that of the commit before stays."""
    if tenure is None:
        return ""
    begin = tenure.began if tenure.tracks is None else max(tenure.tracks.begin, tenure.tracks.end - REPLAY)
    return "" if begin is None else f";e{begin}"
