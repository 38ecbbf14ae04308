"""Refuses pictures that cannot be decoded. Names the option that admits a picture that is too large."""

from __future__ import annotations

import math

from framehop import _core
from framehop.decode.decoder import DecodeJob, DecodeOptions, DecoderError, Refused, Size
from framehop.errors import BY_CODE, PictureError
from framehop.types import Need

_PICTURES_FAULT = frozenset(code for code, error in BY_CODE.items() if issubclass(error, PictureError))


def refused(job: DecodeJob, error: str, message: str, size: Size, options: DecodeOptions) -> Refused:
    """Return the outcome of a picture that the core did not decode. `error`, `message`: the core's code and words. `size`: (width,
    height) in pixels, zeros if unknown. Raises DecoderError for an error that does not lie in the picture."""
    if error not in _PICTURES_FAULT:
        raise DecoderError(job.record, f"{error}: {message}")
    why = message + advice(error, size, options)
    return Refused(job=job, error=error, why=why, size=size if all(size) else None)


def advice(error: str, size: Size, options: DecodeOptions) -> str:
    """Return the end of a `failed` event's reason: the option and the value that let in a picture of `size`, or nothing when the
    picture was not refused for its size."""
    if error != "picture_too_large" or not all(size):
        return ""
    if math.prod(size) > options.max_pixels:
        return f"; --max-pixels {math.prod(size)} takes it"
    return f"; --slot-mib {_slot_mib(_least_size(size, options.need))} takes it"


def _least_size(size: Size, need: Need) -> Size:
    """Return the size to which a decoder goes where a slot leaves it no larger one."""
    return _core.scaled_size(*size, min_width=need.width, min_height=need.height, fit=need.fit)


def _slot_mib(size: Size) -> int:
    return math.ceil(math.prod(size) * 3 / (1 << 20))
