"""Shows the pictures of a film that lies in a log as access units: each is decoded from its key frame on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from framehop import _core
from framehop._core import decode_jpeg, read_jpeg_header
from framehop.content import VIDEO, kind_of, orientation_of
from framehop.errors import CorruptPictureError, UnsupportedPictureError
from framehop.protocols import FrameLog
from framehop.types import FrameKey, FrameMeta

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST_GROUP = 4096  # units that are decoded at most to show one picture
LONGEST_GROUP_US = 60_000_000
AHEAD = 64  # units after a picture that may be shown before it: twice what any stream reorders
KEPT = 64  # decoded pictures that nobody has asked for yet

_WHY = {"no_keyframe": "the log does not have its key frame", "not_shown": "it has no picture of its own"}


class Still(Protocol):
    """A picture to look at, upright. `size`: (width, height) in pixels."""

    @property
    def size(self) -> tuple[int, int]: ...

    def pixels(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return uint8 [H, W, 3], RGB, at the smallest eighth of its size that is not below `width` and `height`."""


class JpegStill:
    """A JPEG as a Still. Raises PictureError."""

    def __init__(self, payload: memoryview) -> None:
        header = read_jpeg_header(payload)
        self._payload = payload
        self.size = (header.width, header.height)

    def pixels(self, width: int, height: int) -> NDArray[np.uint8]:
        return decode_jpeg(self._payload, min_width=width, min_height=height)


class FilmStill:
    """A decoded picture of a film as a Still."""

    def __init__(self, picture: _core.VideoPicture, orientation: int) -> None:
        self._picture = picture
        self._orientation = orientation
        size = (picture.width, picture.height)
        self.size = size if orientation < 5 else size[::-1]

    def pixels(self, width: int, height: int) -> NDArray[np.uint8]:
        return self._picture.rgb(orientation=self._orientation, min_width=width, min_height=height)


def film_picture(log: FrameLog, meta: FrameMeta) -> Still:
    """Return the picture of one frame of a film. Raises PictureError when it cannot be decoded."""
    if not _core.VIDEO:
        raise UnsupportedPictureError("this build of framehop decodes no video; see framehop doctor")
    before = log.look_back(meta.pointer.topic_partition, meta.pointer.offset + 1, LONGEST_GROUP_US)
    of_it = [each for each in before if (each.key.stream, each.key.epoch) == (meta.key.stream, meta.key.epoch)]
    return Film(log, of_it).still(meta.key)


class Film:
    """The access units of one epoch. Its pictures may be asked for in any order; about in that of the screen each unit is read and
    decoded once. Use from one thread."""

    def __init__(self, log: FrameLog, frames: Sequence[FrameMeta]) -> None:
        """`frames`: in the order of the log, all of one stream and epoch."""
        first: dict[FrameKey, FrameMeta] = {}
        for meta in frames:
            first.setdefault(meta.key, meta)  # a log may hold a frame twice
        self._log = log
        self._frames = list(first.values())
        self._places = {key: place for place, key in enumerate(first)}
        self._pool = _core.VideoPool(threads=1)
        self._decoder: _core.VideoDecoder | None = None
        self._next = 0
        self._held: set[int] = set()
        self._known: dict[int, _core.VideoOutcome] = {}

    def still(self, key: FrameKey) -> Still:
        """Return a frame's picture. Raises PictureError when it cannot be shown."""
        place = self._places[key]
        self._reach(place)
        found = self._known.pop(place, None)
        if found is None:
            raise CorruptPictureError("its bytes are not in the log")
        if found.picture is None:
            raise CorruptPictureError(_WHY.get(found.result, found.message))
        return FilmStill(found.picture, orientation_of(self._frames[place].content_type))

    def _reach(self, place: int) -> None:
        """Decode until the unit's outcome is known, if it can be."""
        if place not in self._known and place not in self._held:
            begin = self._beginning(place)
            if self._decoder is None or not begin <= self._next <= place:
                self._begin(begin)
        while place not in self._known and self._next < min(len(self._frames), place + AHEAD):
            self._feed(place)
        if place in self._held and self._decoder is not None:
            self._note(self._decoder.take_held(), place)

    def _beginning(self, place: int) -> int:
        """Return the place of the last key frame that is not shown after the unit, which may need what lies before such a one."""
        at_us = self._frames[place].captured_us
        for earlier in range(place, max(-1, place - LONGEST_GROUP), -1):
            if self._is_key(self._frames[earlier]) and self._frames[earlier].captured_us <= at_us:
                return earlier
        raise CorruptPictureError(_WHY["no_keyframe"])

    def _is_key(self, meta: FrameMeta) -> bool:
        return meta.keyframe and kind_of(meta.content_type) in VIDEO

    def _begin(self, place: int) -> None:
        self._decoder = _core.VideoDecoder(VIDEO[kind_of(self._frames[place].content_type)])
        self._next = place
        self._held.clear()
        self._known.clear()

    def _feed(self, wanted: int) -> None:
        place, meta = self._next, self._frames[self._next]
        self._next += 1
        assert self._decoder is not None
        record = self._log.read_frame(meta.pointer) if kind_of(meta.content_type) in VIDEO and not meta.error else None
        if record is None or record.payload is None:
            self._decoder.note_gap()
            return
        if place and self._frames[place - 1].key.seq + 1 != meta.key.seq:
            self._decoder.note_gap()
        self._held.add(place)
        [found] = self._pool.decode([(self._decoder, [(place, meta.captured_us, record.payload)])])
        self._note(found, wanted)

    def _note(self, found: Sequence[_core.VideoOutcome], wanted: int) -> None:
        """Keep outcomes. What has no picture only because decoding began behind its key frame may have one another time."""
        for outcome in found:
            self._held.discard(outcome.key)
            if outcome.result != "no_keyframe" or outcome.key == wanted:
                self._known[outcome.key] = outcome
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
