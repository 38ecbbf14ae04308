"""Reads pictures of a log, each by the place of its frame there."""

from __future__ import annotations

from collections import OrderedDict

from framehop import _core
from framehop.content import JPEG, VIDEO, kind_of
from framehop.errors import CorruptPictureError, PictureError, UnsupportedPictureError
from framehop.protocols import FrameArchive
from framehop.sinks.film_decoder import JpegStill, Still
from framehop.sinks.growing_film import GrowingFilm
from framehop.sinks.seen import Seen
from framehop.types import Event, FramePointer, FrameRecord, Partition

GONE = "no longer in the log"
MAX_FILMS = 64
MAX_BYTES = 512 << 20

_Key = tuple[Partition, str, int]  # of an epoch


class Pictures:
    """The pictures of one log. A film has a decoder that goes on from picture to picture; with more films than there is room for,
    the one that was looked at longest ago is decoded anew from its key frame when it is looked at again. Use from one thread at a
    time. The log stays the caller's."""

    def __init__(self, log: FrameArchive, *, max_films: int = MAX_FILMS, max_bytes: int = MAX_BYTES) -> None:
        """`max_films`: number of decoders. `max_bytes`: of memory for all of them, about; the newest one stays in any case."""
        self._log = log
        self._max_films, self._max_bytes = max_films, max_bytes
        self._films: OrderedDict[_Key, GrowingFilm] = OrderedDict()
        self._pool: _core.VideoPool | None = None

    def seen(self, event: Event) -> Seen:
        """Return the event with its picture, or with the reason why there is none. Raises LogError."""
        if event.outcome == "failed":  # its bytes may be what ended a worker
            return Seen(event, None, f"failed: {event.reason}")
        record = self._log.read_frame(event.frame)
        if record is None:
            return Seen(event, None, GONE)
        try:
            if record.meta.key != event.key:  # topics were deleted and made again
                raise CorruptPictureError(f"its place in the log holds frame {record.meta.key}")
            picture = self.still_of(record).pixels(0, 0)
        except PictureError as error:
            return Seen(event, None, f"cannot be shown: {error}")
        picture.flags.writeable = False
        return Seen(event, picture)

    def still(self, pointer: FramePointer) -> Still | None:
        """Return the picture of the frame at `pointer`; None when the log does not have that frame any more. Raises PictureError
        when the picture is damaged, lost or of a kind that cannot be shown, and LogError."""
        record = self._log.read_frame(pointer)
        return None if record is None else self.still_of(record)

    def still_of(self, record: FrameRecord) -> Still:
        """Return the picture of a frame that was read from this log. Raises PictureError, LogError."""
        kind = kind_of(record.meta.content_type)
        if record.meta.error:
            raise CorruptPictureError(record.meta.error)
        if record.payload is None:
            raise CorruptPictureError("lost data: the log's copy is damaged or gone")
        if kind == JPEG:
            return JpegStill(record.payload)
        if kind not in VIDEO:
            raise UnsupportedPictureError(f"{kind[:64] or 'data of no kind'} is no picture that framehop shows")
        return self._film_of(record).still(record)

    def _film_of(self, record: FrameRecord) -> GrowingFilm:
        if not _core.VIDEO:
            raise UnsupportedPictureError("this build of framehop decodes no video; see framehop doctor")
        key = (record.meta.pointer.topic_partition, record.meta.key.stream, record.meta.key.epoch)
        if self._pool is None:
            self._pool = _core.VideoPool(threads=1)
        film = self._films.pop(key) if key in self._films else GrowingFilm(self._log, self._pool)
        self._films[key] = film
        self._make_room()
        return film

    def _make_room(self) -> None:
        """Give up first the pictures that wait to be asked for, then decoders, of the films that were looked at longest ago."""
        for film in list(self._films.values())[:-1]:
            if not self._takes_too_much:
                break
            film.forget_waiting()
        while len(self._films) > 1 and (len(self._films) > self._max_films or self._takes_too_much):
            self._films.popitem(last=False)

    @property
    def _takes_too_much(self) -> bool:
        return sum(film.bytes for film in self._films.values()) > self._max_bytes
