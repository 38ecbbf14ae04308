"""The access units of a stream's film as they are in the log, for browsers that decode by themselves."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from framehop.content import VIDEO, kind_of, orientation_of
from framehop.errors import UnsupportedPictureError
from framehop.protocols import FrameArchive
from framehop.sinks.film_units import NEAR, group_of, units_from
from framehop.types import FrameKey, FramePointer, FrameRecord
from framehop.web.answers import UnitHead, UnitList
from framehop.web.responses import encoded
from framehop.web.stills import frame_at

MOST_BYTES = 8 << 20  # of one answer; who asks gets the rest by the next

EpochOffset = tuple[int, int]  # an epoch of a stream, and an offset in its partition


def units_after(log: FrameArchive, pointer: FramePointer, frame: FrameKey, after: EpochOffset | None) -> bytes:
    """Return the units that are needed to show the frame at `pointer`, for whoever has those up to `after`: from there on, or from
    its key frame. First the length of a UnitList in four bytes, the highest first, then that as JSON, then the units. Raises
    ApiError (410), PictureError for what is no film in H.264 that stands upright, LogError."""
    wanted = frame_at(log, pointer, frame)
    content_type = wanted.meta.content_type
    if VIDEO.get(kind_of(content_type)) != "h264" or orientation_of(content_type) != 1:
        raise UnsupportedPictureError(
            "this stream is no film in H.264 that stands upright: its pictures are at /api/v1/latest"
        )
    last = after[1] if after is not None and after[0] == frame.epoch and after[1] < pointer.offset else None
    if last is not None and pointer.offset - last <= NEAR:
        units = units_from(log, last + 1, wanted)
    else:
        units = group_of(log, wanted, -1 if last is None else last)
    taken = list(_bounded(units))
    heads = [_head(record) for record in taken]
    listed = encoded(UnitList(units=heads))
    return b"".join([struct.pack(">I", len(listed)), listed, *(record.payload or b"" for record in taken)])


def _bounded(units: Iterable[FrameRecord]) -> Iterator[FrameRecord]:
    """Yield units that have their bytes, as many as an answer takes, and one in any case."""
    total = 0
    for record in units:
        if record.payload is None or record.meta.error:
            continue
        total += len(record.payload)
        yield record
        if total > MOST_BYTES:
            return


def _head(record: FrameRecord) -> UnitHead:
    meta = record.meta
    return UnitHead(
        epoch=meta.key.epoch,
        seq=meta.key.seq,
        offset=meta.pointer.offset,
        keyframe=meta.keyframe,
        bytes=len(record.payload or b""),
    )
