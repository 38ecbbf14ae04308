"""A picture that lacks a slice, as after a lost packet, is no picture, and neither is what refers to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from framehop import _core
from framehop.content import VideoCodec
from framehop.sources.passthrough import PassedVideo
from tests.encoded_films import KEYS, Kind, Pixels, write
from tests.fields import field_of

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

START = b"\0\0\1"
COUNT = 12  # pictures, with a key frame at 10
VICTIMS = range(1, 9)
Unit = tuple[bytes, int]
CODECS: dict[str, VideoCodec] = {"libx264": "h264", "libx265": "h265"}


def units_of(path: Path) -> list[Unit]:
    return [(picture.payload, picture.media_us) for picture in PassedVideo(path, stream="s").pictures()]


def decoded(codec: VideoCodec, units: Sequence[Unit]) -> dict[int, Pixels | None]:
    """Return the picture of each unit, None where it has none; those that are held back at the end too."""
    pool, decoder = _core.VideoPool(threads=1), _core.VideoDecoder(codec)
    outcomes: list[_core.VideoOutcome] = []
    for key, (payload, shown_at) in enumerate(units):
        outcomes += pool.decode([(decoder, [(key, shown_at, memoryview(payload))])])[0]
    outcomes += decoder.take_held()
    return {outcome.key: outcome.picture.rgb() if outcome.picture else None for outcome in outcomes}


def without_each_slice(codec: VideoCodec, payload: bytes) -> Iterator[bytes]:
    """Yield the unit without its first slice, without its second, and so on."""
    parts = payload.split(START)
    for number, part in enumerate(parts):
        is_slice = part[:1] and (part[0] & 0x1F in {1, 5} if codec == "h264" else part[0] >> 1 & 0x3F < 32)
        if number and is_slice:
            yield START.join([*parts[:number], *parts[number + 1 :]])


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("encoder", CODECS)
def test_no_wrong_picture_comes_of_a_lost_slice(tmp_path: Path, encoder: str, bframes: int) -> None:
    """Whether the stream goes on behind it, or stalls so that what is held back is taken."""
    codec = CODECS[encoder]
    kind = Kind(codec=encoder, params=f"{KEYS}:slices=2", bframes=bframes, pts=tuple(range(0, 4 * COUNT, 4)))
    units = units_of(write(tmp_path / "film.mp4", kind))
    truth = decoded(codec, units)
    lost = 0
    for victim in VICTIMS:
        payload, shown_at = units[victim]
        for rest in without_each_slice(codec, payload):
            lost += 1
            for end in (victim + 1, COUNT):
                found = decoded(codec, [*units[:victim], (rest, shown_at), *units[victim + 1 : end]])
                assert found[victim] is None
                wrong = [key for key, pixels in found.items() if pixels is not None and _differ(pixels, truth[key])]
                assert wrong == [], f"of unit {victim} a slice was lost"
    assert lost == 2 * len(VICTIMS)


def test_no_wrong_picture_comes_of_a_lost_slice_of_a_field() -> None:
    """The two fields of a picture that are coded by themselves have slices of their own."""
    units = [
        (field_of(number, 0, slices=2) + field_of(number, 1, slices=2), 40_000 * number) for number in range(COUNT)
    ]
    truth = decoded("h264", units)
    assert all(pixels is not None for pixels in truth.values())
    lost = 0
    for victim in VICTIMS:
        payload, shown_at = units[victim]
        for rest in without_each_slice("h264", payload):
            lost += 1
            for end in (victim + 1, COUNT):
                found = decoded("h264", [*units[:victim], (rest, shown_at), *units[victim + 1 : end]])
                assert found[victim] is None
                wrong = [key for key, pixels in found.items() if pixels is not None and _differ(pixels, truth[key])]
                assert wrong == [], f"of unit {victim} a slice was lost"
    assert lost == 4 * len(VICTIMS)


def test_no_wrong_picture_comes_of_a_lost_slice_of_a_second_field_that_is_a_unit_of_its_own() -> None:
    """It is decoded into the memory of the first field's picture, which is then no picture either."""
    units = [
        (field_of(number, parity, slices=2), 40_000 * number + 20_000 * parity)
        for number in range(COUNT)
        for parity in (0, 1)
    ]
    truth = decoded("h264", units)
    assert [pixels is not None for pixels in truth.values()].count(True) == COUNT
    for victim in VICTIMS:
        second = 2 * victim + 1
        payload, shown_at = units[second]
        for rest in without_each_slice("h264", payload):
            for end in (second + 1, len(units)):
                found = decoded("h264", [*units[:second], (rest, shown_at), *units[second + 1 : end]])
                assert (found[second - 1], found[second]) == (None, None)
                wrong = [key for key, pixels in found.items() if pixels is not None and _differ(pixels, truth[key])]
                assert wrong == [], f"of unit {second} a slice was lost"


def _differ(pixels: Pixels, other: Pixels | None) -> bool:
    return other is None or not np.array_equal(pixels, other)
