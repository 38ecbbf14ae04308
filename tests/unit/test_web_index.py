"""Tests of the index of events, which the page looks through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from framehop.errors import ConfigError, InvalidArgumentError, LogCorruptError
from framehop.types import EventRecord
from framehop.web import index_file, index_query
from framehop.web.index import EventIndex, Limits
from framehop.web.index_query import Page, Query
from tests.events import BASE_US, event_of, recorded

NOW_US = BASE_US + 1_000_000_000


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


Make = Callable[..., EventIndex]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[EventIndex] = []

    def made_of(*records: EventRecord, limits: Limits | None = None) -> EventIndex:
        index = EventIndex("the log", limits or Limits())
        made.append(index)
        index.add(records, NOW_US)
        return index

    yield made_of
    for index in made:
        index.close()


def seqs(page: Page) -> list[int]:
    return [msgspec.json.decode(raw)["seq"] for raw in page.events]


def found(index: EventIndex, **asked: Any) -> list[int]:
    """Return the seqs of all pages."""
    seen: list[int] = []
    cursor = ""
    for _ in range(1000):
        page = index.page(Query(cursor=cursor, **asked))
        seen += seqs(page)
        if page.next_cursor is None:
            return seen
        cursor = page.next_cursor
    raise AssertionError("the pages have no end")


def test_pages_go_from_the_newest_to_the_oldest_without_a_gap(make: Make) -> None:
    index = make(*(recorded(event_of(seq)) for seq in range(25)))
    assert found(index, limit=10) == list(range(24, -1, -1))


def test_what_comes_meanwhile_moves_no_page(make: Make) -> None:
    index = make(*(recorded(event_of(seq)) for seq in range(10)))
    first = index.page(Query(limit=5))
    index.add([recorded(event_of(seq)) for seq in range(10, 20)], NOW_US)
    assert first.next_cursor is not None
    assert seqs(index.page(Query(limit=5, cursor=first.next_cursor))) == [4, 3, 2, 1, 0]


def test_events_of_one_moment_are_all_found(make: Make) -> None:
    index = make(*(recorded(event_of(seq, captured_us=BASE_US)) for seq in range(9)))
    assert sorted(found(index, limit=2)) == list(range(9))


MIXED = [
    event_of(0, stream="gate", labels={"person": 0.9}),
    event_of(1, stream="yard", labels={"car": 0.4, "person": 0.3}),
    event_of(2, stream="gate", outcome="failed", reason="corrupt"),
    event_of(3, stream="yard", lane="shadow", labels={"car": 0.8}),
    event_of(4, stream="roof", outcome="skipped", reason="every-n"),
    event_of(5, stream="gate", labels={"car": 0.5}),
]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [5, 4, 3, 2, 1, 0]),
        ({"streams": ("gate",)}, [5, 2, 0]),
        ({"streams": ("gate", "roof")}, [5, 4, 2, 0]),
        ({"labels": ("person",)}, [1, 0]),
        ({"labels": ("person", "car")}, [5, 3, 1, 0]),
        ({"labels": ("car",), "min_confidence": 0.5}, [5, 3]),
        ({"labels": ("person",), "min_confidence": 0.35}, [0]),
        ({"min_confidence": 0.8}, [3, 0]),
        ({"labels": ("car",), "streams": ("yard",)}, [3, 1]),
        ({"outcome": "failed"}, [2]),
        ({"lane": "shadow"}, [3]),
        ({"lane": "main", "labels": ("car",)}, [5, 1]),
        ({"from_us": BASE_US + 2_000_000, "to_us": BASE_US + 5_000_000}, [4, 3, 2]),
        ({"labels": ("no such",)}, []),
        ({"labels": ("car",), "lane": "no such"}, []),
    ],
)
@pytest.mark.parametrize("limit", [1, 4, 200])
def test_filters_filter(make: Make, asked: dict[str, Any], expected: list[int], limit: int) -> None:
    assert found(make(*map(recorded, MIXED)), limit=limit, **asked) == expected


def test_a_page_has_a_bounded_cost_where_hardly_anything_fits(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_query, "LOOKED_AT", 20)
    monkeypatch.setattr(index_query, "MAX_LIMIT", 20)
    rare = {7, 93}
    events = [event_of(seq, labels={"car": 0.9 if seq in rare else 0.1}) for seq in range(100)]
    index = make(*map(recorded, events))
    first = index.page(Query(min_confidence=0.5, limit=1))
    assert seqs(first) == [93]
    empty = index.page(Query(min_confidence=0.5, limit=2, cursor=first.next_cursor or ""))
    assert (seqs(empty), empty.next_cursor is not None) == ([], True)
    assert found(index, min_confidence=0.5, limit=2) == [93, 7]


def test_of_an_id_the_first_event_counts(make: Make) -> None:
    index = make(recorded(event_of(1)), recorded(event_of(1, outcome="failed", reason="again")))
    assert found(index) == [1]
    assert found(index, outcome="failed") == []
    assert index.bounds()[0] == 1


def test_the_json_is_what_the_log_has(make: Make) -> None:
    raw = msgspec.json.encode(event_of(3)).replace(b'{"', b'{"of_a_newer_schema": [1, {"a": 2}], "', 1)
    index = make(recorded(event_of(3), raw=raw))
    assert index.event("gate/1/3/main") == raw
    assert index.page(Query()).events == [raw]
    assert index.event("gate/1/4/main") is None


def test_the_oldest_go_when_there_are_too_many(make: Make) -> None:
    index = make(limits=Limits(rows=10))
    for seq in range(50):
        index.add([recorded(event_of(seq, labels={"car": 0.5}))], NOW_US)
    assert found(index, labels=("car",)) == found(index) == list(range(49, 39, -1))
    assert index.event("gate/1/39/main") is None


def test_the_oldest_go_when_they_are_too_old(make: Make) -> None:
    index = make(*(recorded(event_of(seq)) for seq in range(20)))
    index._limits = Limits(age_us=5_000_000)
    index.add([recorded(event_of(20))], BASE_US + 20_000_000)
    assert found(index, streams=("gate",)) == list(range(20, 14, -1))


def test_a_clock_in_the_past_does_not_lose_an_event(make: Make) -> None:
    """Age is by the log's clock: a camera of 1970 is seen."""
    index = make(recorded(event_of(1, captured_us=1_000_000), appended_us=NOW_US))
    index.add([recorded(event_of(2), appended_us=NOW_US)], NOW_US)
    assert found(index) == [2, 1]


def test_hostile_text_is_kept_and_found_by_its_beginning(make: Make) -> None:
    hostile = "<script>alert(1)</script>\0\u2028" + "x" * 10_000
    event = replace(event_of(1, labels={hostile: 0.5}), captured_at="yesterday")
    index = make(recorded(event, appended_us=BASE_US))
    (label,) = index.names("label")
    assert hostile.startswith(label)
    assert len(label) == 200
    assert found(index, labels=(label,)) == [1]
    assert index.bounds() == (1, BASE_US, BASE_US)


def test_labels_without_end_are_not_all_kept(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.web.index.MAX_NAMES", 10)
    index = make(*(recorded(event_of(seq, labels={f"label {seq}": 0.5})) for seq in range(40)))
    assert len(index.names("label")) <= 10
    assert len(found(index)) == 40


@pytest.mark.parametrize(
    "asked",
    [
        {"cursor": "'; DROP TABLE events"},
        {"cursor": "1.99999999999999999999"},
        {"limit": 0},
        {"limit": 201},
        {"labels": tuple(map(str, range(51)))},
        {"min_confidence": float("nan")},
    ],
)
def test_what_cannot_be_asked_is_refused(make: Make, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        make().page(Query(**asked))


def test_the_index_is_there_the_next_time(make: Make) -> None:
    first = make(recorded(event_of(1, labels={"car": 0.5})))
    assert first.complete_to() is None
    first.mark_complete()
    first.close()
    again = make()
    assert again.complete_to() == (BASE_US + 1_000_000, "gate/1/1/main")
    assert found(again, labels=("car",)) == [1]


def test_two_pages_of_one_log_have_an_index_each(make: Make) -> None:
    make(recorded(event_of(1)))
    assert found(make(recorded(event_of(2)))) == [2]


def test_a_query_is_planned_once_whatever_its_limit() -> None:
    planned: list[int] = []

    def ask(action: int, *_: str | None) -> int:
        """SQLite asks while it plans a query, and never else."""
        planned.append(action)
        return apsw.SQLITE_OK

    file = index_file.IndexFile("the log")
    with closing(file), closing(file.connect()) as db:
        db.authorizer = ask
        found = []
        for limit in range(1, 5):
            index_query.find(db, Query(limit=limit), {})
            found.append(len(planned))
    assert set(found) == {found[0]} != {0}


def test_too_many_pages_of_one_log_are_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_file, "MAX_AT_ONCE", 1)
    make()
    with pytest.raises(ConfigError, match="show this log on this host already"):
        make()


@pytest.mark.parametrize("damage", [b"no database at all", b""])
def test_a_damaged_index_is_made_anew(make: Make, cache: Path, damage: bytes) -> None:
    make(recorded(event_of(1))).close()
    (file,) = cache.rglob("0.db")
    file.write_bytes(damage)
    assert found(make(recorded(event_of(2)))) == [2]


def test_an_index_that_power_loss_has_damaged_is_made_anew(make: Make, cache: Path) -> None:
    """Its head is whole, as it was written long ago."""
    make(*(recorded(event_of(seq)) for seq in range(200))).close()
    (file,) = cache.rglob("0.db")
    head = file.read_bytes()[:4096]
    file.write_bytes(head + b"\xff" * (file.stat().st_size - len(head)))
    assert found(make(recorded(event_of(2)))) == [2]


def test_damage_that_is_noticed_later_is_said_until_the_index_is_cleared(make: Make, cache: Path) -> None:
    index = make(*(recorded(event_of(seq)) for seq in range(200)))
    (file,) = cache.rglob("0.db")
    for each in (file, file.with_name("0.db-wal")):
        each.write_bytes(b"\xff" * each.stat().st_size)
    with pytest.raises(LogCorruptError, match="made anew from the log"):
        index.page(Query())
    assert index.damaged
    index.clear()
    index.add([recorded(event_of(3))], NOW_US)
    assert (found(index), index.damaged) == ([3], False)


def test_a_cleared_index_is_empty_and_goes_on(make: Make) -> None:
    index = make(recorded(event_of(1, labels={"car": 0.5})))
    assert found(index) == [1]
    index.clear()
    assert (found(index), index.bounds(), index.names("label")) == ([], (0, 0, 0), [])
    index.add([recorded(event_of(2, labels={"car": 0.5}))], NOW_US)
    assert found(index, labels=("car",)) == [2]


def test_names_of_events_that_were_not_taken_are_not_known(make: Make) -> None:
    """The transaction that gave them is rolled back, and they are given again the next time."""
    index = make()
    broken = replace(recorded(event_of(1, labels={"car": 0.5})), appended_us=1 << 70)
    with pytest.raises(OverflowError):
        index.add([broken], NOW_US)
    index.add([recorded(event_of(2, labels={"car": 0.5}))], NOW_US)
    index.close()
    assert found(make(), labels=("car",)) == [2]
