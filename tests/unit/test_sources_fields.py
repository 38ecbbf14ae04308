"""Interlaced H.264 whose fields are access units of their own: a picture is one frame, and whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from framehop import _core
from framehop.sources.h264_fields import FieldPairs
from framehop.sources.passthrough import PassedVideo
from framehop.sources.unit import Unit
from tests.clips import number_in, write_film
from tests.fields import PERIOD, RECOVERY, field_of, unneeded_field_of, write_fields

COUNT = 24
LAYOUTS = [(name, apart) for name in ("film.ts", "film.mkv", "film.mp4") for apart in (True, False)]


def pairs_of(*units: Unit) -> list[tuple[int, bytes]]:
    """Return what each unit became: the number of the first one in it, and its bytes."""
    pairs = FieldPairs[int]()
    found = [pair for number, unit in enumerate(units) for pair in pairs.take(number, unit)]
    return [(number, unit.payload) for number, unit in [*found, *pairs.rest()]]


def field(number: int, parity: int) -> Unit:
    return Unit(payload=field_of(number, parity), keyframe=number % PERIOD == 0 and parity == 0)


@pytest.mark.parametrize(("name", "apart"), LAYOUTS)
def test_a_picture_of_two_fields_is_one_frame(tmp_path: Path, name: str, apart: bool) -> None:
    path = write_fields(tmp_path / name, COUNT, apart=apart)
    source = PassedVideo(path, stream="s")
    pictures = list(source.pictures())
    assert [picture.media_us for picture in pictures] == [40_000 * number for number in range(COUNT)]
    assert [seq for seq, picture in enumerate(pictures) if picture.keyframe] == list(range(0, COUNT, PERIOD))
    assert source.left_out == []
    assert source.count in (COUNT, None), "a transport stream does not tell"
    assert list(source.pictures(7)) == pictures[7:]


@pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")
@pytest.mark.parametrize(("name", "apart"), LAYOUTS)
def test_both_halves_of_a_picture_are_its_own(tmp_path: Path, name: str, apart: bool) -> None:
    path = write_fields(tmp_path / name, COUNT, apart=apart)
    pool, decoder = _core.VideoPool(threads=1), _core.VideoDecoder("h264")
    outcomes = []
    for key, unit in enumerate(PassedVideo(path, stream="s").pictures()):
        outcomes += pool.decode([(decoder, [(key, unit.media_us, memoryview(unit.payload))])])[0]
        outcomes += decoder.take_held()  # as when it stalls behind any of them
    assert [outcome.key for outcome in outcomes] == list(range(COUNT))
    for outcome in outcomes:
        assert outcome.picture is not None, outcome.message
        pixels = np.asarray(outcome.picture.rgb())
        assert [number_in(pixels[parity::2]) for parity in (0, 1)] == [outcome.key] * 2


@pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")
@pytest.mark.parametrize("stalls", [False, True])
def test_half_a_picture_is_none(stalls: bool) -> None:
    """The lines of the field that was lost on the way would be those of an older picture. Pictures that may need this one fail
    with it."""
    units = [field_of(number, 0) + field_of(number, 1) for number in range(13)]
    units[2] = field_of(2, 0)
    units[12] = field_of(12, 1)
    pool, decoder = _core.VideoPool(threads=1), _core.VideoDecoder("h264")
    outcomes = []
    for key, unit in enumerate(units):
        outcomes += pool.decode([(decoder, [(key, 40_000 * key, memoryview(unit))])])[0]
        outcomes += decoder.take_held() if stalls else []
    outcomes += decoder.take_held()
    assert sorted(outcome.key for outcome in outcomes) == list(range(13))
    found = {outcome.key: outcome for outcome in outcomes}
    assert {key for key, outcome in found.items() if outcome.result == "decoded"} == {0, 1, 10, 11}
    assert {found[key].message for key in (2, 12)} == {"one of the two fields of the picture is missing"}
    for key in (0, 1, 10, 11):
        picture = found[key].picture
        assert picture is not None
        assert [number_in(np.asarray(picture.rgb())[parity::2]) for parity in (0, 1)] == [key] * 2


def test_fields_without_a_partner_stay_as_they_are() -> None:
    lost = [field(0, 0), field(0, 1), field(1, 0), field(2, 0), field(2, 1), field(3, 1), field(4, 0)]
    expected = [
        (0, field_of(0, 0) + field_of(0, 1)),
        (2, field_of(1, 0)),
        (3, field_of(2, 0) + field_of(2, 1)),
        (5, field_of(3, 1)),
        (6, field_of(4, 0)),
    ]
    assert pairs_of(*lost) == expected


def apart(numbers: range, *, recovery: bool = False) -> list[bytes]:
    """Return fields as units of their own, as other programs may write them. `recovery`: the second field of a key frame says that
    decoding can begin there, as some encoders do."""
    seconds = [RECOVERY if recovery and number % PERIOD == 0 else b"" for number in numbers]
    return [
        unit
        for number, extra in zip(numbers, seconds, strict=True)
        for unit in (field_of(number, 0), extra + field_of(number, 1))
    ]


def decoded(units: list[bytes], *, stall_after: Collection[int] = (), start: int = 0) -> dict[int, _core.VideoOutcome]:
    """Decode units, and return their outcomes by their numbers, which count from `start`. `stall_after`: numbers of those behind
    which nothing comes for a while."""
    pool, decoder = _core.VideoPool(threads=1), _core.VideoDecoder("h264")
    outcomes = []
    for key, unit in enumerate(units, start):
        outcomes += pool.decode([(decoder, [(key, 20_000 * key, memoryview(unit))])])[0]
        outcomes += decoder.take_held() if key in stall_after else []
    outcomes += decoder.take_held()
    assert sorted(outcome.key for outcome in outcomes) == list(range(start, start + len(units)))
    return {outcome.key: outcome for outcome in outcomes}


def check_pictures(found: dict[int, _core.VideoOutcome], keys: Iterable[int]) -> None:
    """Check that these units, of fields apart, have their whole pictures."""
    for key in keys:
        picture = found[key].picture
        assert picture is not None, (key, found[key].message)
        assert [number_in(np.asarray(picture.rgb())[parity::2]) for parity in (0, 1)] == [key // 2] * 2


@pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")
@pytest.mark.parametrize("recovery", [False, True])
@pytest.mark.parametrize("stalls", ["never", "between pictures", "between fields", "always"])
def test_fields_apart_are_one_picture_which_is_the_second_ones(recovery: bool, stalls: str) -> None:
    """However often what is held back is asked for: the first picture apart, by which it is known that fields come so."""
    stall_after = {
        "never": (),
        "between pictures": range(1, 24, 2),
        "between fields": range(2, 24, 2),
        "always": range(1, 24),
    }
    found = decoded(apart(range(12), recovery=recovery), stall_after=stall_after[stalls])
    assert [found[key].result for key in range(24)] == ["not_shown", "decoded"] * 12
    check_pictures(found, range(1, 24, 2))


@pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")
def test_a_hand_over_between_two_fields_loses_no_picture() -> None:
    """Whoever goes on decodes from the key frame, and answers what its predecessor has not."""
    units = apart(range(12))
    before = decoded(units[:17])
    assert [before[key].result for key in range(17)] == ["not_shown", "decoded"] * 8 + ["not_shown"]
    after = decoded(units)
    check_pictures(before, range(1, 17, 2))
    check_pictures(after, range(17, 24, 2))


@pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")
def test_of_fields_apart_one_that_is_lost_fails_the_other() -> None:
    units = apart(range(12))
    del units[15]
    found = decoded(units, stall_after=[13])
    assert [found[key].result for key in range(14)] == ["not_shown", "decoded"] * 7
    assert found[14].message == "one of the two fields of the picture is missing"
    assert [found[key].result for key in range(14, 19)] == ["failed"] * 5, "up to the next key frame"
    assert [found[key].result for key in range(19, 23)] == ["not_shown", "decoded"] * 2


def test_both_fields_of_a_key_frame_may_be_key_frames() -> None:
    second = Unit(payload=RECOVERY + field_of(0, 1), keyframe=True)
    assert pairs_of(field(0, 0), second) == [(0, field_of(0, 0) + second.payload)]
    of_another = Unit(payload=RECOVERY + field_of(1, 1), keyframe=True)
    found = pairs_of(field(0, 0), field(0, 1), field(1, 0), of_another)
    assert [number for number, _ in found] == [0, 2, 3], "the first one was none"


def test_a_key_frame_and_a_damaged_unit_are_no_second_field() -> None:
    broken = Unit(payload=field_of(0, 1), error="corrupt_picture: x")
    assert len(pairs_of(field(0, 0), field(0, 0), broken, field(0, 1))) == 4


@pytest.mark.parametrize("params", ["keyint=10", "keyint=10:tff=1", "keyint=10:interlaced=1"])
def test_a_film_of_whole_pictures_is_left_alone(tmp_path: Path, params: str) -> None:
    path = write_film(tmp_path / "film.mp4", 12, params=params)
    units = [
        Unit(payload=picture.payload, keyframe=picture.keyframe) for picture in PassedVideo(path, stream="s").pictures()
    ]
    assert len(units) == 12
    assert pairs_of(*units) == [(number, unit.payload) for number, unit in enumerate(units)]


# A picture that others need, then some that none does: of the first of these the first field is lost.
ASTRAY = [(0, 0), (0, 1), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]


def astray() -> list[Unit]:
    return [
        field(number, parity) if number == 0 else Unit(payload=unneeded_field_of(number, parity, frame=1))
        for number, parity in ASTRAY
    ]


def wrong(units: list[bytes]) -> list[int]:
    """Decode units, and return the numbers of those whose picture is of two pictures."""
    pictures = {key: outcome.picture for key, outcome in decoded(units).items() if outcome.picture is not None}
    assert pictures
    halves = {
        key: {number_in(np.asarray(picture.rgb())[parity::2]) for parity in (0, 1)} for key, picture in pictures.items()
    }
    return [key for key, found in halves.items() if len(found) > 1]


def test_a_second_field_alone_is_not_joined_with_the_next_pictures_first_one() -> None:
    """Pictures that no other needs have one frame number, by which the two would look like a pair."""
    assert [number for number, _ in pairs_of(*astray())] == [0, 2, 3, 5]


@pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")
def test_no_picture_is_made_of_fields_of_two() -> None:
    """However the fields come."""
    assert wrong([payload for _, payload in pairs_of(*astray())]) == []
    assert wrong([unit.payload for unit in astray()]) == []


@pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")
def test_no_picture_is_made_of_fields_of_two_after_many_that_came_alone() -> None:
    """libavcodec then waits for no second field, and takes the one that comes for another picture's first one."""
    alone = [unneeded_field_of(number, 0, frame=1) for number in range(1, 5)]
    whole = [unneeded_field_of(number, parity, frame=1) for number in range(5, 8) for parity in (0, 1)]
    assert wrong([field_of(0, 0), field_of(0, 1), *alone, *whole]) == []


@hypothesis.given(st.binary(max_size=300), st.integers(0, 5000), st.booleans())
def test_any_bytes_are_some_unit(noise: bytes, at: int, keyframe: bool) -> None:
    whole = field_of(0, 0)
    damaged = whole[:at] + noise + whole[at + len(noise) :]
    units = [field(0, 0), Unit(payload=damaged, keyframe=keyframe), Unit(payload=noise, keyframe=keyframe)]
    assert b"".join(payload for _, payload in pairs_of(*units)) == b"".join(unit.payload for unit in units)
