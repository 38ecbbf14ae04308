"""Pictures that a film of H.265 decodes for others and hides are not shown, whether its stream goes on behind them or stalls. No
encoder at hand writes them, so films are rewritten: their slices get the bit that says it (ITU-T H.265, 7.3.6.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from framehop import _core
from framehop.sources.passthrough import PassedVideo
from tests.clips import number_in, write_film

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

START = b"\0\0\1"
PPS, SLICES, KEYS = 34, range(32), range(16, 24)
MOST_HEADER = 12  # bytes of a slice's header in these films
COUNT = 8
HIDDEN = {2, 3, 6}
PARAMS = "keyint=100:min-keyint=100:qp=30:ref=1:frame-threads=1:no-wpp=1"


def decoded(units: Sequence[bytes], *, stalls: bool = False) -> dict[int, tuple[str, int]]:
    """Return by unit what became of it, and the number in its picture, -1 without one. `stalls`: behind each unit."""
    pool, decoder = _core.VideoPool(threads=1), _core.VideoDecoder("h265")
    outcomes: list[_core.VideoOutcome] = []
    for key, unit in enumerate(units):
        outcomes += pool.decode([(decoder, [(key, key, memoryview(unit))])])[0]
        outcomes += decoder.take_held() if stalls else []
    outcomes += decoder.take_held()
    assert len({outcome.key for outcome in outcomes}) == len(outcomes)
    return {each.key: (each.result, number_in(each.picture.rgb()) if each.picture else -1) for each in outcomes}


def saying(units: Sequence[bytes]) -> list[bytes]:
    """Return a film whose slices say whether their picture is shown, and all are. Where the header of a slice ends, and its padding
    begins, is found out by decoding."""
    found: list[bytes] = []
    for number, unit in enumerate(units):
        fits = (part for part in _tries(unit) if decoded([*found, part])[number] == ("decoded", number))
        found.append(next(fits))
    return found


def _tries(unit: bytes) -> Iterator[bytes]:
    for length in range(1, MOST_HEADER):
        try:
            yield START + START.join(_rewritten(part, length) for part in unit.split(START) if part.strip(b"\0"))
        except ValueError:
            continue


def _rewritten(part: bytes, length: int) -> bytes:
    """Return a unit of the film with the new bit. `length`: of a slice's header, in bytes."""
    part, kind = part.rstrip(b"\0"), part[0] >> 1 & 0x3F
    if kind == PPS:  # behind two numbers of one bit each and another flag: slices say it
        return part[:2] + bytes([part[2] | 0x10]) + part[3:]
    if kind not in SLICES:
        return part
    bits = "".join(f"{byte:08b}" for byte in part[2:].replace(b"\0\0\3", b"\0\0"))
    place, end = _place(kind), 8 * length
    header = bits[: bits.rindex("1", 0, end)]  # a one and zeros fill its last byte
    if len(header) < place:
        raise ValueError(length)
    header = f"{header[:place]}1{header[place:]}1"
    return part[:2] + _escaped(header + "0" * (-len(header) % 8) + bits[end:])


def _place(kind: int) -> int:
    """Return the place of the bit: behind the first slice's flag, that of key frames, one bit of a number and three of a kind."""
    return 6 if kind in KEYS else 5


def _escaped(bits: str) -> bytes:
    out = bytearray()
    for byte in int(bits, 2).to_bytes(len(bits) // 8, "big"):
        if byte <= 3 and out[-2:] == b"\0\0":
            out.append(3)
        out.append(byte)
    return bytes(out)


def hiding(unit: bytes) -> bytes:
    """Return a unit of P slices that says so with its picture hidden."""
    head, slice_ = unit[: -_slice_length(unit)], bytearray(unit[-_slice_length(unit) :])
    assert slice_[0] >> 1 == 1, "of a picture that others may need, and no key frame"
    slice_[2] &= ~(0x80 >> _place(1))
    return head + bytes(slice_)


def _slice_length(unit: bytes) -> int:
    return len(unit) - unit.rindex(START) - len(START)


@pytest.mark.parametrize("stalls", [False, True])
def test_a_hidden_picture_is_not_shown_and_those_that_need_it_are(tmp_path: Path, stalls: bool) -> None:
    film = write_film(tmp_path / "film.mp4", COUNT, codec="libx265", params=PARAMS)
    units = saying([picture.payload for picture in PassedVideo(film, stream="s").pictures()])
    all_shown = {number: ("decoded", number) for number in range(COUNT)}
    assert decoded(units, stalls=stalls) == all_shown
    some = [hiding(unit) if number in HIDDEN else unit for number, unit in enumerate(units)]
    assert decoded(some, stalls=stalls) == all_shown | dict.fromkeys(HIDDEN, ("not_shown", -1))
