"""The units of films, for browsers that decode by themselves."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from framehop.types import Event
from framehop.web import units as units_module
from framehop.web.answers import UnitHead, UnitList
from tests.pages import Filled, client_of, until_indexed

GROUP = 4  # units from one key frame to the next
UNITS = [b"unit %d" % number for number in range(2 * GROUP + 2)]


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("framehop.pipeline.control_plane.asking.runtime_parents", list)


@pytest.fixture
def log(tmp_path: Path) -> Filled:
    return Filled(tmp_path / "log")


def put(log: Filled, *, content_type: str = "video/h264") -> list[Event]:
    return log.put("cam", pictures=UNITS, content_type=content_type, keyframes=range(0, len(UNITS), GROUP))


@pytest.fixture
def film(log: Filled) -> list[Event]:
    return put(log)


@pytest.fixture
def page(log: Filled, film: list[Event]) -> Iterator[httpx.Client]:
    with client_of(log.path) as client:
        until_indexed(client, len(film))
        yield client


def units(page: httpx.Client, after: str = "") -> list[tuple[UnitHead, bytes]]:
    answer = page.get(f"/api/v1/units/cam?after={after}").raise_for_status()
    [length] = struct.unpack(">I", answer.content[:4])
    heads = msgspec.json.decode(answer.content[4 : 4 + length], type=UnitList).units
    at, found = 4 + length, []
    for head in heads:
        found.append((head, answer.content[at : at + head.bytes]))
        at += head.bytes
    assert at == len(answer.content)
    return found


def place(head: UnitHead) -> str:
    return f"{head.epoch}/{head.offset}"


def test_a_film_begins_at_the_last_key_frame(page: httpx.Client, film: list[Event]) -> None:
    found = units(page)
    assert [data for _, data in found] == UNITS[2 * GROUP :]
    assert [(head.epoch, head.seq, head.keyframe) for head, _ in found] == [
        (film[0].epoch, 2 * GROUP, True),
        (film[0].epoch, 2 * GROUP + 1, False),
    ]


def test_who_has_some_gets_the_next(page: httpx.Client, film: list[Event]) -> None:
    last = film[2]
    after = f"{last.epoch}/{last.frame.offset}"
    found = units(page, after)
    assert [data for _, data in found] == UNITS[3:]
    assert page.get(f"/api/v1/units/cam?after={place(found[-1][0])}").status_code == 204


def test_who_has_those_of_another_epoch_begins_anew(page: httpx.Client, film: list[Event]) -> None:
    found = units(page, f"{film[0].epoch - 1}/{film[0].frame.offset}")
    assert found[0][0].keyframe


def test_who_is_far_behind_begins_anew(page: httpx.Client, film: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units_module, "NEAR", 3)
    found = units(page, f"{film[0].epoch}/{film[0].frame.offset}")
    assert [data for _, data in found] == UNITS[2 * GROUP :]


def test_an_answer_is_bounded_and_the_rest_comes_with_the_next(
    page: httpx.Client, film: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units_module, "MOST_BYTES", 2 * len(UNITS[0]) - 1)
    after, found = f"{film[0].epoch}/{film[0].frame.offset}", list[bytes]()
    while len(found) < len(UNITS) - 1:
        some = units(page, after)
        assert len(some) <= 2
        found += [data for _, data in some]
        after = place(some[-1][0])
    assert found == UNITS[1:]


def test_units_of_other_streams_in_the_partition_are_left_out(
    page: httpx.Client, log: Filled, film: list[Event]
) -> None:
    log.put("gate")
    again = put(log)
    until_indexed(page, 2 * len(UNITS) + 1)
    found = units(page, f"{again[0].epoch}/{film[0].frame.offset}")
    assert {head.epoch for head, _ in found} == {again[0].epoch}


@pytest.mark.parametrize("content_type", ["image/jpeg", "video/h265", "video/h264;orientation=6"])
def test_what_the_page_cannot_play_has_another_way(log: Filled, content_type: str) -> None:
    put(log, content_type=content_type)
    with client_of(log.path) as page:
        until_indexed(page, len(UNITS))
        answer = page.get("/api/v1/units/cam")
        assert (answer.status_code, "/api/v1/latest" in answer.json()["error"]) == (415, True)


@pytest.mark.parametrize("after", ["1", "a/b", "-1/2", "1/2/3", "1/²", "9" * 30 + "/1"])
def test_a_place_that_is_none_is_refused(page: httpx.Client, after: str) -> None:
    assert page.get(f"/api/v1/units/cam?after={after}").status_code == 400
    assert page.get("/api/v1/units/nobody").status_code == 204
