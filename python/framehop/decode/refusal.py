"""Refuses pictures that cannot be decoded. For one that is too large it names the option that would let it in."""

from __future__ import annotations

import math

from framehop.decode.decoder import DecodeJob, DecodeOptions, DecoderError, Refused, Size
from framehop.errors import BY_CODE, PictureError

_EIGHTHS = 8  # a JPEG decodes at any eighth of its size

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
    return f"; --slot-mib {_slot_mib(_decoded_size(size, options.min_size))} takes it"


def _decoded_size(size: Size, min_size: Size) -> Size:
    """Return the size at the smallest eighth that is not below `min_size`, as the decoder chooses it, or the full size."""
    for eighths in range(1, _EIGHTHS):
        scaled = (math.ceil(size[0] * eighths / _EIGHTHS), math.ceil(size[1] * eighths / _EIGHTHS))
        if any(min_size) and scaled[0] >= min_size[0] and scaled[1] >= min_size[1]:
            return scaled
    return size


def _slot_mib(size: Size) -> int:
    return math.ceil(math.prod(size) * 3 / (1 << 20))
