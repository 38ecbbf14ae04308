"""Shows pictures of a film that is still being written: its decoder goes on from one picture to the next."""

from __future__ import annotations

from collections.abc import Iterable

from framehop import _core
from framehop.content import VIDEO, kind_of
from framehop.errors import CorruptPictureError
from framehop.protocols import FrameArchive
from framehop.sinks.film import may_begin
from framehop.sinks.film_decoder import WHY, FilmDecoder, Still
from framehop.sinks.film_units import NEAR, group_of, units_from
from framehop.types import FrameMeta, FrameRecord


class GrowingFilm:
    """The film of one epoch in one partition. Whoever asks for pictures in the order of the log has each unit read and decoded
    once; whoever leaves some out, only from the last key frame on. Use from one thread."""

    def __init__(self, log: FrameArchive, pool: _core.VideoPool) -> None:
        self._log = log
        self._pool = pool
        self._decoder: FilmDecoder | None = None
        self._next: int | None = None  # the offset after the last record that was read
        self._seq = -1  # of the unit that was decoded last

    @property
    def bytes(self) -> int:
        """Number of bytes of memory that its decoder takes, about, with pictures that wait to be asked for."""
        return self._decoder.bytes if self._decoder is not None else 0

    def forget_waiting(self) -> None:
        """Give up decoded pictures that nobody has asked for yet."""
        if self._decoder is not None:
            self._decoder.forget_waiting()

    def still(self, wanted: FrameRecord) -> Still:
        """Return the picture of a frame that has its bytes. Raises PictureError when it cannot be shown, LogError."""
        seq = wanted.meta.key.seq
        if self._decoder is None or not self._decoder.has(seq):
            self._reach(wanted)
        if self._decoder is None:
            raise CorruptPictureError(WHY["no_keyframe"])
        return self._decoder.still(seq, wanted.meta.content_type)

    def _reach(self, wanted: FrameRecord) -> None:
        """Decode up to the unit. After an error decoding begins anew."""
        offset = wanted.meta.pointer.offset
        try:
            for unit in self._units_up_to(wanted):
                self._feed(unit, wanted.meta)
        except BaseException:
            self._decoder = self._next = None
            raise
        self._next = offset + 1

    def _units_up_to(self, wanted: FrameRecord) -> Iterable[FrameRecord]:
        offset = wanted.meta.pointer.offset
        if self._next is not None and self._next <= offset <= self._next + NEAR:
            return self._new_units(self._next, wanted)
        self._decoder = None
        return group_of(self._log, wanted)

    def _new_units(self, begin: int, wanted: FrameRecord) -> list[FrameRecord]:
        """Return what there is to decode from offset `begin` on. With a key frame after the first unit all before it is left out,
        and a new decoder begins there."""
        units: list[FrameRecord] = []
        for record in units_from(self._log, begin, wanted):
            if units and may_begin(record.meta, wanted.meta.captured_us):
                units.clear()
                self._decoder = None
            units.append(record)
        return units

    def _feed(self, unit: FrameRecord, wanted: FrameMeta) -> None:
        """Decode one unit. One without bytes is left out, and the next one is told so by its number."""
        meta = unit.meta
        if self._decoder is None and may_begin(meta, wanted.captured_us):
            self._decoder = FilmDecoder(self._pool, VIDEO[kind_of(meta.content_type)])
            self._seq = meta.key.seq - 1
        if self._decoder is None or meta.key.seq <= self._seq:  # a log may hold a frame twice
            return
        if unit.payload is None or meta.error or kind_of(meta.content_type) not in VIDEO:
            return
        if meta.key.seq != self._seq + 1:
            self._decoder.note_gap()
        self._seq = meta.key.seq
        self._decoder.feed(meta.key.seq, meta.captured_us, unit.payload, wanted.key.seq)
