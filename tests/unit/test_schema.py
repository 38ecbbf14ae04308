"""The event as others read it: its published schema, and events as older versions wrote them."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from framehop.log.event_codec import decode_event, encode_event
from framehop.types import SCHEMA_VERSION, Event

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "docs" / "event.schema.json"
GOLDEN = sorted((Path(__file__).parent / "golden").glob("event_v*.json"))


def test_the_published_schema_is_that_of_the_code() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "event_schema.py"))["schema"]()
    assert PUBLISHED.read_text() == made, "Event has changed: read and run scripts/event_schema.py"


def test_there_are_golden_events_of_every_version() -> None:
    assert {json.loads(path.read_bytes())["schema_version"] for path in GOLDEN} == set(range(1, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_an_event_of_an_older_version_still_decodes_field_by_field(path: Path) -> None:
    written = json.loads(path.read_bytes())
    event = decode_event(path.read_bytes(), offset=1)
    assert isinstance(event, Event)
    again = json.loads(encode_event(event))
    assert {name: again[name] for name in written} == written


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_field_of_a_newer_version_is_ignored(path: Path) -> None:
    written = json.loads(path.read_bytes())
    newer = written | {"schema_version": SCHEMA_VERSION, "colour_of_the_sky": "grey"}
    newer["frame"] = newer["frame"] | {"cluster": "north"}
    assert decode_event(json.dumps(newer).encode(), offset=1) == decode_event(path.read_bytes(), offset=1)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_no_version_demands_more_than_the_first_wrote(path: Path) -> None:
    parts = json.loads(PUBLISHED.read_text())["$defs"]
    written = json.loads(path.read_bytes())
    assert set(parts["Event"]["required"]) <= written.keys()
    assert set(parts["FramePointer"]["required"]) <= written["frame"].keys()
    assert all(set(parts["DetectedObject"]["required"]) <= found.keys() for found in written["objects"])
