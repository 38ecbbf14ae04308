"""Films whose pictures are coded as two fields each (H.264, PAFF), which no encoder at hand writes: I_PCM macroblocks, ITU-T H.264
7.3. Each picture tells its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.clips import SIZE, numbered

PERIOD = 10  # pictures from one key frame to the next
_SLICE, _IDR, _SPS, _PPS = 1, 5, 7, 8
_MAIN_PROFILE, _LEVEL = 77, 30
_I, _P = 7, 5  # slice types, of all slices of a picture
_I_PCM = 25
_TOP, _BOTTOM = 0, 1

# A message that decoding can begin at this very field (recovery point, H.264 D.1.8).
RECOVERY = b"\0\0\0\1" + bytes([6, 6, 1, 0b11000100, 0x80])


class _Bits:
    """Writes the fields of a syntax structure."""

    def __init__(self) -> None:
        self._bits = ""

    def u(self, value: int, width: int = 1) -> _Bits:
        self._bits += f"{value:0{width}b}"
        return self

    def ue(self, *values: int) -> _Bits:
        for value in values:
            code = f"{value + 1:b}"
            self._bits += "0" * (len(code) - 1) + code
        return self

    def raw(self, data: bytes) -> _Bits:
        """Align, then write bytes."""
        self._bits += "0" * (-len(self._bits) % 8)
        self._bits += "".join(f"{byte:08b}" for byte in data)
        return self

    def unit(self, kind: int, *, reference: bool = True) -> bytes:
        """Return a NAL unit in Annex B form."""
        bits = self._bits + "1"
        bits += "0" * (-len(bits) % 8)
        body = int(bits, 2).to_bytes(len(bits) // 8, "big")
        return b"\0\0\0\1" + bytes([(reference << 5) | kind]) + _escaped(body)


def _escaped(body: bytes) -> bytes:
    out = bytearray()
    for byte in body:
        if byte <= 3 and out[-2:] == b"\0\0":
            out.append(3)
        out.append(byte)
    return bytes(out)


def parameter_sets(size: tuple[int, int] = SIZE) -> bytes:
    width, height = size[0] // 16, size[1] // 32
    sps = _Bits().u(_MAIN_PROFILE, 8).u(0, 8).u(_LEVEL, 8).ue(0, 0, 0, 4, 1).u(0).ue(width - 1, height - 1)
    sps.u(0).u(0).u(1).u(0).u(0)  # fields, without MBAFF; direct_8x8_inference; neither cropped nor described further
    pps = _Bits().ue(0, 0).u(0).u(0).ue(0, 0, 0).u(0).u(0, 2).ue(0, 0, 0).u(1).u(0).u(0)
    return sps.unit(_SPS) + pps.unit(_PPS)


def field_of(number: int, parity: int, *, slices: int = 1) -> bytes:
    """Return one field of a picture as an access unit: a key frame's first one with its parameter sets."""
    blocks = list(_macroblocks(numbered(number)[parity::2]))
    step = len(blocks) // slices
    unit = b"".join(
        _slice_of(number, parity, first, blocks[first : first + step]) for first in range(0, len(blocks), step)
    )
    return parameter_sets() + unit if _is_key(number, parity) else unit


def unneeded_field_of(number: int, parity: int, *, frame: int) -> bytes:
    """Return one field of a picture that no other needs. `frame`: its frame number, which such pictures share between two that
    others need."""
    slice_ = _Bits().ue(0, _P, 0).u(frame, 4).u(1).u(parity).u((2 * (number % PERIOD) + parity) % 256, 8)
    slice_.u(0).u(0).ue(0, 1)  # the list of references; quantiser as is; no deblocking
    for block in _macroblocks(numbered(number)[parity::2]):
        slice_.ue(0, 5 + _I_PCM).raw(block)
    return slice_.unit(_SLICE, reference=False)


def _is_key(number: int, parity: int) -> bool:
    return number % PERIOD == 0 and parity == _TOP


def _slice_of(number: int, parity: int, first: int, blocks: Iterable[bytes]) -> bytes:
    """Return a slice of a field as a unit. `first`: the place of its first macroblock."""
    place, key = number % PERIOD, _is_key(number, parity)
    slice_ = _Bits().ue(first, _I if key else _P, 0).u(place % 16, 4).u(1).u(parity)
    if key:
        slice_.ue(0)
    slice_.u((2 * place + parity) % 256, 8)
    slice_ = slice_.u(0).u(0) if key else slice_.u(0).u(0).u(0)  # marking; before it, of P, the list of references
    slice_.ue(0, 1)  # quantiser as is; no deblocking
    for block in blocks:
        (slice_.ue(_I_PCM) if key else slice_.ue(0, 5 + _I_PCM)).raw(block)
    return slice_.unit(_IDR if key else _SLICE)


def _macroblocks(rgb: NDArray[np.uint8]) -> Iterator[bytes]:
    """Yield luma and chroma of grey pixels, uint8 [32, 160, 3], which only have a brightness."""
    luma = (16 + rgb[..., 0].astype(int) * 219 // 255).astype(np.uint8)
    for y in range(0, luma.shape[0], 16):
        for x in range(0, luma.shape[1], 16):
            yield luma[y : y + 16, x : x + 16].tobytes() + bytes([128]) * 128


def write_fields(path: Path, count: int, *, apart: bool) -> Path:
    """Write a film of so many pictures, 25 a second. `apart`: a packet and a time for each field; else both in one packet."""
    raw = path.with_suffix(".h264")
    raw.write_bytes(b"".join(field_of(number, parity) for number in range(2) for parity in (_TOP, _BOTTOM)))
    with av.open(str(raw)) as like, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(like.streams.video[0])
        for number in range(count):
            fields = [field_of(number, parity) for parity in (_TOP, _BOTTOM)]
            for place, data in enumerate(fields if apart else [b"".join(fields)]):
                packet = av.Packet(data)
                packet.stream, packet.time_base = stream, Fraction(1, 50)
                packet.pts = packet.dts = 2 * number + place
                packet.duration = 1 if apart else 2
                packet.is_keyframe = number % PERIOD == 0 and place == 0
                container.mux(packet)
    return path
