"""Why a picture was not decoded, and which option would let it in."""

from __future__ import annotations

import math

from framehop._core import DecodeResult

Size = tuple[int, int]
_EIGHTHS = 8  # a JPEG decodes at any eighth of its size


def refusal(result: DecodeResult, *, file: str = "", min_size: Size, max_pixels: int) -> str:
    """The reason of a `failed` event. `file`: where the picture is from, if that is known. `min_size`: what the decoder was told
    not to go below."""
    reason = ": ".join(filter(None, (result.error, file, result.message)))
    size = (result.source_width, result.source_height)
    if result.error != "picture_too_large" or not all(size):
        return reason
    if math.prod(size) > max_pixels:
        return f"{reason}; --max-pixels {math.prod(size)} takes it"
    return f"{reason}; --slot-mib {_slot_mib(_decoded_size(size, min_size))} takes it"


def _decoded_size(size: Size, min_size: Size) -> Size:
    """The smallest eighth that is not below `min_size`, as the decoder chooses it; without one, the whole."""
    for eighths in range(1, _EIGHTHS):
        scaled = (math.ceil(size[0] * eighths / _EIGHTHS), math.ceil(size[1] * eighths / _EIGHTHS))
        if any(min_size) and scaled[0] >= min_size[0] and scaled[1] >= min_size[1]:
            return scaled
    return size


def _slot_mib(size: Size) -> int:
    return math.ceil(math.prod(size) * 3 / (1 << 20))
