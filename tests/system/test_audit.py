"""`framehop audit` on the log of a real run: content with it, and not with what somebody did to it afterwards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import framehop
from framehop.log.sqlite import connect, rows, value
from tests.system.harness import House

COUNT = 12
SOURCES = [f"{stream}=testsrc:?size=320x240&count={COUNT}" for stream in ("gate", "yard")]

DELETED = ["DELETE FROM events WHERE stream='gate' AND seq=2"]
DOUBLED = [
    "DROP INDEX events_id",
    "INSERT INTO events(stream, epoch, seq, lane, appended_us, json)"
    " SELECT stream, epoch, seq, lane, appended_us, json FROM events WHERE stream='gate' AND seq=2",
]
REORDERED = ['UPDATE events SET "offset"=(SELECT max("offset")+1 FROM events) WHERE stream=\'gate\' AND seq=2']

COMMITTED = "committed without an event: does another application use group detect-main, or were events deleted?"


@pytest.fixture(scope="module")
def ran(shared_house: House) -> Path:
    """The log of a run, which each test gets a copy of."""
    shared_house.run(SOURCES)
    return shared_house.log


@pytest.fixture
def house(house: House, ran: Path) -> House:
    shutil.copytree(ran, house.log)
    return house


def audit(house: House, *args: str) -> tuple[int, dict[str, Any]]:
    done = house.framehop("audit", "--log", house.log, "--json", *args)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(
    ("statements", "what", "why"),
    [
        (DELETED, "missing", COMMITTED),
        (DOUBLED, "duplicates", "a second event"),
        (REORDERED, "out_of_order", f"its event comes after that of seq {COUNT - 1}"),
    ],
    ids=["deleted", "doubled", "reordered"],
)
def test_an_event_that_was_tampered_with_is_named(house: House, statements: list[str], what: str, why: str) -> None:
    before = house.framehop("audit", "--log", house.log)
    assert (before.returncode, before.stderr) == (0, "")
    assert "nothing lost, nothing doubled: 0 missing, 0 duplicates, 0 out of order, 0 pictures lost" in before.stdout
    status, report = audit(house)
    assert (status, report["frames"], report["events"], report["findings"]) == (0, 2 * COUNT, 2 * COUNT, [])

    db = connect(house.log / "index.db")
    epoch = value(db, "SELECT epoch FROM frames WHERE stream='gate' LIMIT 1")
    for statement in statements:
        rows(db, statement)
    db.close()

    finding = f"{what.replace('_', ' ')}: gate/{epoch}/2, {why}"
    status, report = audit(house)
    assert (status, report["findings"]) == (1, [finding])
    assert {name: report[name] for name in ("missing", "duplicates", "out_of_order")} == {
        "missing": 0,
        "duplicates": 0,
        "out_of_order": 0,
        what: 1,
    }
    assert (report["streams"]["gate"][what], report["streams"]["yard"][what]) == (1, 0)
    told = house.framehop("audit", "--log", house.log)
    assert (told.returncode, told.stderr) == (1, "")
    assert finding in told.stdout
    assert f"NOT clean: {report['missing']} missing" in told.stdout


GONE = "DELETE FROM {} WHERE stream='gate' AND seq >= {}"


@pytest.mark.parametrize(("first", "what"), [(0, "stream"), (COUNT - 3, "tail")], ids=["a stream", "a tail"])
def test_what_was_deleted_without_a_trace_is_named(house: House, first: int, what: str) -> None:
    db = connect(house.log / "index.db")
    partition, end = rows(db, "SELECT partition, max(\"offset\") FROM frames WHERE stream='gate'")[0]
    for table in ("frames", "events"):
        rows(db, GONE.format(table, first))
    db.close()
    status, report = audit(house)
    told = (
        f"missing: frames/{partition}, offsets {end - COUNT + 1 + first} to {end} of stream gate: no frame and no gap"
    )
    assert (status, report["findings"]) == (1, [told])
    assert (report["missing"], report["streams"]["gate"]["missing"]) == (COUNT - first, COUNT - first)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100] ^= 1  # of the first picture
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "lost", "why"),
    [(Path.unlink, 2 * COUNT, "is gone or cannot be opened"), (_flip, 1, "is damaged at byte 64")],
    ids=["a segment removed", "a byte flipped"],
)
def test_pictures_that_cannot_be_had_any_more_are_named(
    house: House, spoil: Callable[[Path], None], lost: int, why: str
) -> None:
    (segment,) = (house.log / "frames").iterdir()
    spoil(segment)
    status, report = audit(house)
    assert (status, report["lost"], report["missing"], len(report["findings"])) == (1, lost, 0, min(lost, 20))
    assert report["findings"][0].endswith(f", its picture is lost: frames/{segment.name} {why}")
    assert audit(house, "--rows-only")[0] == 0


def test_each_lane_is_audited_and_shown_by_itself(house: House) -> None:
    status, report = audit(house, "--lane", "shadow")
    assert (status, report["missing"], report["events"]) == (1, 2 * COUNT, 0)
    options = framehop.DetectOptions(lane="shadow", slots=8)
    assert len(list(framehop.detect(house.log, until_idle_s=0.5, options=options))) == 2 * COUNT
    status, report = audit(house, "--lane", "shadow")
    assert (status, report["missing"], report["events"]) == (0, 0, 2 * COUNT)
    assert audit(house)[1]["events"] == 2 * COUNT
    tail = ["tail", "--log", str(house.log), "--from", "beginning", "--no-follow", "--json"]
    lanes = [json.loads(line)["lane"] for line in house.framehop(*tail, "--lane", "shadow").stdout.splitlines()]
    assert lanes == ["shadow"] * 2 * COUNT
    assert len(house.framehop(*tail).stdout.splitlines()) == 4 * COUNT
