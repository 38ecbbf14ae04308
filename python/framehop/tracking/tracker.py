"""ByteTrack without a Kalman filter: what it knows is in the last events of a stream, so it goes on exactly after a crash.

Zhang et al., ByteTrack, ECCV 2022: strong boxes are paired with tracks first, then weak ones with the tracks that are left, as an
object that is half hidden scores low. Yang et al., C-BIoU, WACV 2023: what is left is compared once more with larger boxes, as an
object that is looked at twice a second has left its box each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from framehop.tracking.look_clock import STEP_US, LookClock, moment_of
from framehop.tracking.track import HISTORY_US, STRONG, Observation, Track
from framehop.types import DetectedObject, Event

LOST_US = 2_000_000  # a track ends when it was not seen for longer, by the tracker's clock
KEPT_US = LOST_US + HISTORY_US + STEP_US  # older events change nothing: what is remembered, and a pause more
MOST_OBJECTS = 300  # of one frame, the strongest first; others get no id
MOST_TRACKS = 1000  # the ones seen last; more are there only where boxes flicker
IDS_PER_FRAME = 1000  # above MOST_OBJECTS


class StreamTracker:
    """Gives the objects of one stream and epoch their track ids. Events come in the order of their seqs; one that comes again, or
    too late, changes nothing. Use from one thread.

    All that it knows follows from the events of the last KEPT_US of its clock and their ids. So a tracker that recalls these events
    goes on with the same ids.
    """

    def __init__(self, last_id: int = 0) -> None:
        """`last_id`: the largest id that may have been given before."""
        self.last_id = last_id
        self._clock = LookClock()
        self._seq = -1
        self._tracks: dict[int, Track] = {}

    @property
    def now_us(self) -> int:
        """The time of the tracker's clock, microseconds since the first frame that was looked at."""
        return self._clock.now_us

    def follow(self, event: Event) -> Event:
        """Return the event with the ids of its objects, and with the largest id so far."""
        if event.outcome != "detected" or event.seq <= self._seq:
            return replace(event, last_track_id=self.last_id)
        at_us = self._look(event)
        objects = _numbered(event.objects, self._ids(at_us, event.objects[:MOST_OBJECTS]))
        self._note(at_us, objects)
        return replace(event, objects=objects, last_track_id=self.last_id)

    def recall(self, event: Event) -> None:
        """Take over an event that has its ids. One without, from when its stream was not tracked, changes nothing."""
        if event.last_track_id is None:
            return
        self.last_id = max(self.last_id, event.last_track_id)
        if event.outcome == "detected" and event.seq > self._seq:
            self._note(self._look(event), event.objects)

    def _look(self, event: Event) -> int:
        """Go on to a frame that was looked at; return its time."""
        self._seq = event.seq
        at_us = self._clock.at(moment_of(event))
        oldest = self._clock.now_us - LOST_US
        for number in [number for number, track in self._tracks.items() if track.last_us < oldest]:
            del self._tracks[number]
        return at_us

    def _note(self, at_us: int, objects: Sequence[DetectedObject]) -> None:
        """Note where the objects of the frame are."""
        for found in objects:
            if (number := found.track_id) is not None:
                if number not in self._tracks:
                    self._tracks[number] = Track(number, found.label)
                self._tracks[number].note(Observation(at_us, self._seq, found.box))
        if len(self._tracks) > MOST_TRACKS:
            by_age = sorted(self._tracks.values(), key=lambda track: (track.last_us, track.number))
            self._tracks = {track.number: track for track in by_age[-MOST_TRACKS:]}

    def _ids(self, at_us: int, objects: Sequence[DetectedObject]) -> dict[int, int]:
        """Return the track id by the object's place; weak objects that fit no track have none."""
        tracks = [self._tracks[number] for number in sorted(self._tracks)]
        ids = _matched(at_us, tracks, objects) if tracks and objects else {}
        for place, found in enumerate(objects):
            if place not in ids and found.confidence >= STRONG:
                self.last_id += 1
                ids[place] = self.last_id
        return ids


def _matched(at_us: int, tracks: Sequence[Track], objects: Sequence[DetectedObject]) -> dict[int, int]:
    """Return the id of the track that each object fits, by the object's place. Neither may be empty."""
    from framehop.tracking.matching import Matching  # loads NumPy, which workers without tracked streams do without

    return Matching(at_us, tracks, objects).ids()


def _numbered(objects: Sequence[DetectedObject], ids: dict[int, int]) -> list[DetectedObject]:
    return [
        DetectedObject(
            label=found.label,
            label_id=found.label_id,
            confidence=found.confidence,
            box=found.box,
            track_id=ids.get(place),
        )
        for place, found in enumerate(objects)
    ]
