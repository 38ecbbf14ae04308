"""Keeps the tracks of one partition in one tenure."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace

from framehop.errors import InvalidArgumentError
from framehop.pipeline.worker.track_places import TrackedEvent, TrackPlaces
from framehop.tracking import IDS_PER_FRAME, StreamTracker, moment_of
from framehop.types import Event, EventRecord

logger = logging.getLogger(__name__)

SILENT_S = 60.0  # a stream that is silent for longer, while its partition goes on, begins new tracks after a crash
MOST_STREAMS = 4096  # of a partition; those silent for longest begin new tracks
LARGEST_ID = 1 << 53  # what every reader of JSON can hold

Key = tuple[str, int]


@dataclass(slots=True)
class _Stream:
    """A stream in one epoch. `heard_s`: when its last event came, by our monotonic clock: hosts of ingest have clocks of their own,
    and with those one that is ahead would make the streams of all others look silent."""

    tracker: StreamTracker
    places: TrackPlaces = field(default_factory=TrackPlaces)
    heard_s: float = 0.0


class TenureTracks:
    """The trackers of a partition's streams. `end`: every event that is not known here lies at it or behind it. Use from one
    thread."""

    def __init__(self, offset: int, end: int, *, fresh: bool) -> None:
        """`offset`: the first frame that this tenure answers. `fresh`: no stream of the partition was ever tracked in this lane."""
        self.end = end
        self._offset, self._fresh = offset, fresh
        self._streams: dict[Key, _Stream] = {}
        self._written: dict[str, EventRecord] = {}  # events that the log has already of frames that are done again
        self._newest_s = 0.0

    @property
    def begin(self) -> int:
        """The offset of the first event that matters to a successor."""
        alive = [stream for stream in self._streams.values() if stream.heard_s >= self._newest_s - SILENT_S]
        return min((stream.places.first(self.end) for stream in alive), default=self.end)

    def recall(self, record: EventRecord) -> None:
        """Take over an event of before. Those of the partition come in the order of the log; one without ids tells nothing."""
        event = record.event
        self.end = max(self.end, record.offset + 1)
        if event.last_track_id is None or not _is_sound(event):
            return
        if event.frame.offset >= self._offset:
            self._written.setdefault(event.event_id, record)
            return
        stream = self._stream(event, 0)
        stream.tracker.recall(event)
        stream.places.note(_place(event, stream, record.offset))
        stream.places.move(self._offset)

    def follow(self, event: Event) -> tuple[Event, TrackedEvent | None]:
        """Return the event with its ids, and the place to fill in once it is written. The events of a stream come in the order of
        its frames. One that the log has already stays as it is, since the first one counts; its place is known then, and None."""
        record = self._written.pop(event.event_id, None)
        stream = self._stream(event, self._unknown_ids(event) if record is None else 0)
        if record is not None:
            stream.tracker.recall(record.event)
            stream.places.note(_place(event, stream, record.offset))
            return replace(record.event, writer=event.writer, frame=event.frame), None
        followed = stream.tracker.follow(event)
        place = _place(event, stream, self.end)
        stream.places.note(place)
        return followed, place

    def finish(self, mark: int) -> None:
        """Note that frames below `mark` are done."""
        for stream in self._streams.values():
            stream.places.move(mark)
        started = {name: epoch for (name, epoch), stream in sorted(self._streams.items()) if stream.places.done}
        over = [(name, epoch) for name, epoch in self._streams if epoch < started.get(name, 0)]
        for key in over:
            self._drop(key)

    def _unknown_ids(self, event: Event) -> int:
        """Return the largest id that may have been given in a stream and epoch of which nothing is known."""
        return 0 if self._fresh else event.seq * IDS_PER_FRAME

    def _stream(self, event: Event, last_id: int) -> _Stream:
        """Return what is known of the event's stream; if that is nothing, it begins with `last_id`."""
        key = (event.stream, event.epoch)
        stream = self._streams.pop(key, None) or _Stream(StreamTracker(last_id))
        self._streams[key] = stream  # the one that had an event last is the last
        stream.heard_s = self._newest_s = time.monotonic()
        if len(self._streams) > MOST_STREAMS:
            self._drop(next(iter(self._streams)))
        return stream

    def _drop(self, key: Key) -> None:
        """Forget a stream, and that its ids were known from the first on."""
        del self._streams[key]
        self._fresh = False


def _is_sound(event: Event) -> bool:
    """Return whether tracks can follow from an event of the log, where others may have written anything. Pass over it otherwise:
    an error here would come again at every start."""
    try:
        moment_of(event)
    except InvalidArgumentError as error:
        logger.warning("tracks do not follow from event %.200s: %s", event.event_id, error)
        return False
    return 0 <= (event.last_track_id or 0) <= LARGEST_ID


def _place(event: Event, stream: _Stream, offset: int) -> TrackedEvent:
    looked = event.outcome == "detected"
    return TrackedEvent(frame=event.frame.offset, at_us=stream.tracker.now_us, looked=looked, event=offset)
