"""Reads one frame of the log and makes a JPEG of it to look at."""

from __future__ import annotations

from dataclasses import dataclass

from framehop._core import encode_jpeg
from framehop.content import JPEG, kind_of
from framehop.errors import UnsupportedPictureError
from framehop.protocols import FrameArchive
from framehop.sinks.film_decoder import JpegStill, Still
from framehop.types import Event, FrameKey, FramePointer, FrameRecord
from framehop.web.errors import ApiError
from framehop.web.reels import Reels

QUALITY = 80
EIGHTHS = 8
SIZES = (1, 2, 4, 8)  # what pictures are reduced to, in eighths of their own: those at which a JPEG is decoded soonest


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPicture:
    """A JPEG, and the width and height of the picture that it was made of. `film`: it had to be decoded from its key frame on."""

    jpeg: bytes
    width: int
    height: int
    film: bool = False


def still_of(
    log: FrameArchive, pointer: FramePointer, reels: Reels, frame: FrameKey | None = None
) -> tuple[FrameRecord, Still]:
    """Read a frame's picture. `frame`: the frame that must be there; None for any. Raises ApiError (410) when it is no
    longer in the log, PictureError when it cannot be shown."""
    record = frame_at(log, pointer, frame)
    if kind_of(record.meta.content_type) == JPEG and record.payload is not None:
        return record, JpegStill(record.payload)
    return record, reels.still(log, record)


def frame_at(log: FrameArchive, pointer: FramePointer, frame: FrameKey | None = None) -> FrameRecord:
    """Read a frame that has its bytes; see still_of."""
    record = log.read_frame(pointer)
    if record is None:
        raise ApiError(410, "this frame is no longer in the log: retention has taken it, or it never was one")
    if frame is not None and record.meta.key != frame:  # topics were deleted and made again
        raise ApiError(410, "this frame is no longer in the log: another one is in its place")
    if record.payload is None:
        raise ApiError(410, "this frame's picture is lost: its bytes were damaged, or too large to be taken")
    if record.meta.error:
        raise UnsupportedPictureError(f"this frame has no picture: {record.meta.error}")
    return record


def shown(record: FrameRecord, still: Still, width: int) -> ShownPicture:
    """Return a JPEG that is at least `width` wide, if the picture is; 0 is its own size. Raises PictureError."""
    eighths = eighths_for(width, still.size[0])
    film = kind_of(record.meta.content_type) != JPEG
    if eighths == EIGHTHS and not film and record.payload is not None:
        return _of(still, bytes(record.payload))
    return _of(still, encode_jpeg(still.pixels(*_reduced(still, eighths)), quality=QUALITY), film=film)


def boxed(still: Still, event: Event | None, width: int) -> ShownPicture:
    """Return the picture with the boxes of its event drawn in. Raises PictureError, MissingExtraError without Pillow."""
    from framehop.sinks.draw import draw

    pixels = still.pixels(*_reduced(still, eighths_for(width, still.size[0])))
    return _of(still, encode_jpeg(pixels if event is None else draw(pixels, event), quality=QUALITY))


def eighths_for(width: int, source_width: int) -> int:
    """Return how many eighths of the source are at least `width` wide: 8 for 0, or for a picture that is smaller."""
    if not 0 < width < source_width:
        return EIGHTHS
    return next(size for size in SIZES if source_width * size >= width * EIGHTHS)


def _reduced(still: Still, eighths: int) -> tuple[int, int]:
    width, height = still.size
    return (0, 0) if eighths == EIGHTHS else (width * eighths // EIGHTHS, height * eighths // EIGHTHS)


def _of(still: Still, jpeg: bytes, *, film: bool = False) -> ShownPicture:
    return ShownPicture(jpeg=jpeg, width=still.size[0], height=still.size[1], film=film)
