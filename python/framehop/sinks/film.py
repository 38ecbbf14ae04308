"""Shows the pictures of a film that lies in a log as access units: each is decoded from its key frame on."""

from __future__ import annotations

from collections.abc import Sequence

from framehop import _core
from framehop.budgets import GROUP_S
from framehop.content import VIDEO, kind_of
from framehop.errors import CorruptPictureError, UnsupportedPictureError
from framehop.protocols import FrameArchive
from framehop.sinks.film_decoder import WHY, FilmDecoder, Still
from framehop.types import FrameKey, FrameMeta

LONGEST_GROUP = 4096  # units that are decoded at most to show one picture
LONGEST_GROUP_US = int(GROUP_S * 1e6)
AHEAD = 64  # units after a picture that may be shown before it: twice what any stream reorders


def film_picture(log: FrameArchive, meta: FrameMeta) -> Still:
    """Return the picture of one frame of a film. Raises PictureError when it cannot be decoded."""
    if not _core.VIDEO:
        raise UnsupportedPictureError("this build of framehop decodes no video; see framehop doctor")
    before = log.look_back(meta.pointer.topic_partition, meta.pointer.offset + 1, LONGEST_GROUP_US)
    of_it = [each for each in before if (each.key.stream, each.key.epoch) == (meta.key.stream, meta.key.epoch)]
    return Film(log, of_it).still(meta.key)


def may_begin(meta: FrameMeta, shown_us: int) -> bool:
    """Return whether decoding may begin at a unit, to show the picture of `shown_us`. A key frame that is shown later does not do:
    the picture may need what lies before it."""
    return meta.keyframe and kind_of(meta.content_type) in VIDEO and meta.captured_us <= shown_us


class Film:
    """The access units of one epoch. Its pictures may be asked for in any order; about in that of the screen each unit is read and
    decoded once. Use from one thread."""

    def __init__(self, log: FrameArchive, frames: Sequence[FrameMeta]) -> None:
        """`frames`: in the order of the log, all of one stream and epoch."""
        first: dict[FrameKey, FrameMeta] = {}
        for meta in frames:
            first.setdefault(meta.key, meta)  # a log may hold a frame twice
        self._log = log
        self._frames = list(first.values())
        self._indices = {key: index for index, key in enumerate(first)}
        self._pool = _core.VideoPool(threads=1)
        self._decoder: FilmDecoder | None = None
        self._next = 0

    def still(self, key: FrameKey) -> Still:
        """Return a frame's picture. Raises PictureError when it cannot be shown."""
        index = self._indices[key]
        decoder = self._reaching(index)
        while not decoder.knows(index) and self._next < min(len(self._frames), index + AHEAD):
            self._feed(decoder, index)
        return decoder.still(index, self._frames[index].content_type)

    def _reaching(self, index: int) -> FilmDecoder:
        """Return a decoder that has the unit or comes to it, from the last key frame before it or a later unit on."""
        if self._decoder is not None and self._decoder.has(index):
            return self._decoder
        begin = self._beginning(index)
        if self._decoder is None or not begin <= self._next <= index:
            self._decoder = FilmDecoder(self._pool, VIDEO[kind_of(self._frames[begin].content_type)])
            self._next = begin
        return self._decoder

    def _beginning(self, index: int) -> int:
        for earlier in range(index, max(-1, index - LONGEST_GROUP), -1):
            if may_begin(self._frames[earlier], self._frames[index].captured_us):
                return earlier
        raise CorruptPictureError(WHY["no_keyframe"])

    def _feed(self, decoder: FilmDecoder, wanted: int) -> None:
        index, meta = self._next, self._frames[self._next]
        self._next += 1
        record = self._log.read_frame(meta.pointer) if kind_of(meta.content_type) in VIDEO and not meta.error else None
        if record is None or record.payload is None:
            decoder.note_gap()
            return
        if index and self._frames[index - 1].key.seq + 1 != meta.key.seq:
            decoder.note_gap()
        decoder.feed(index, meta.captured_us, record.payload, wanted)
