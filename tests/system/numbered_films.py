"""Films whose pictures carry their number, and the number that an event has found."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from framehop.sources.passthrough import PassedVideo
from framehop.types import Event
from tests.clips import BITS

Numbers = dict[int, int]


def order_on_screen(path: Path) -> Numbers:
    """Return by seq which picture of the film a unit is."""
    times = [picture.media_us for picture in PassedVideo(path, stream="s").pictures()]
    order = sorted(range(len(times)), key=times.__getitem__)
    return {seq: number % (1 << BITS) for number, seq in enumerate(order)}


def number_of(event: dict[str, Any]) -> int:
    """Return the number that an event has found in its picture."""
    width = event["width"] / BITS
    return sum(1 << int((found["box"][0] + found["box"][2]) / 2 / width) for found in event["objects"])


def plain(event: Event) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(msgspec.json.encode(event))
    return loaded


def first_of_each(events: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        found.setdefault(event["event_id"], event)
    return found
