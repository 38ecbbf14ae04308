"""Tests of the choice of the newest picture: the one that the log has, or the one of a tap."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from framehop.types import FrameKey
from framehop.web.feed import Feed
from framehop.web.live import LiveState
from framehop.web.newest import Newest
from framehop.web.stills import ShownPicture
from framehop.web.tapped import Found
from tests.events import event_of, recorded


class Sources:
    """A log and a tap that a test fills. `asked`: which of them was asked."""

    def __init__(self, *, film: bool) -> None:
        self.film = film
        self.tapped: Found | None = None
        self.asked: list[str] = []
        self.live, self.feed = LiveState(), Feed()
        self.newest = Newest(self.live, self.feed, self, FakeTap(self))  # type: ignore[arg-type]

    async def shown(self, *_: Any, frame: FrameKey, **__: Any) -> ShownPicture:
        self.asked.append("log")
        return ShownPicture(jpeg=f"log {frame.seq}".encode(), width=1, height=1, film=self.film)


class FakeTap:
    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def newest(self, *_: Any) -> Found | None:
        self._sources.asked.append("tap")
        return self._sources.tapped


def shown_after(sources: Sources, event_id: str = "", *, wait_s: float = 0.0) -> str:
    """Return what is shown: where it is from, and its seq."""

    async def look() -> Found | None:
        sources.feed.bind()
        return await sources.newest.after("gate", event_id, width=320, wait_s=wait_s)

    found = asyncio.run(look())
    if found is None:
        return ""
    assert found.shown.jpeg.decode().split()[1] == str(found.record.event.seq)
    return found.shown.jpeg.decode()


def tapped_of(seq: int, epoch: int = 1) -> Found:
    event = replace(event_of(seq), epoch=epoch, event_id=f"gate/{epoch}/{seq}/main")
    return Found(recorded(event), ShownPicture(jpeg=f"tap {seq}".encode(), width=1, height=1))


def test_jpegs_are_always_those_of_the_log() -> None:
    sources = Sources(film=False)
    for seq in (1, 2):
        sources.live.note([recorded(event_of(seq))])
        sources.tapped = tapped_of(seq)
        assert shown_after(sources) == f"log {seq}"
    assert sources.asked == ["log", "log"]


def test_of_films_the_first_is_of_the_log_and_the_next_of_the_tap() -> None:
    sources = Sources(film=True)
    sources.live.note([recorded(event_of(1))])
    sources.tapped = tapped_of(1)
    assert shown_after(sources) == "log 1", "it says that this is a film"
    sources.live.note([recorded(event_of(3))])
    sources.tapped = tapped_of(2)
    assert shown_after(sources, "gate/1/1/main") == "tap 2"
    assert shown_after(sources, "gate/1/2/main") == "", "the next comes soon, without decoding"
    assert shown_after(sources, "gate/1/3/main") == "", "never an older one after a newer one"
    assert sources.asked.count("log") == 1


def test_a_film_without_a_tap_is_shown_from_the_log() -> None:
    sources = Sources(film=True)
    for seq in (1, 2):
        sources.live.note([recorded(event_of(seq))])
        assert shown_after(sources, f"gate/1/{seq - 1}/main") == f"log {seq}"


def test_a_new_epoch_is_of_the_log_until_it_is_known_what_it_is() -> None:
    sources = Sources(film=True)
    sources.live.note([recorded(event_of(1))])
    shown_after(sources)
    sources.live.note([recorded(replace(event_of(0), epoch=2, event_id="gate/2/0/main"))])
    sources.tapped = tapped_of(1)
    assert shown_after(sources, "gate/1/1/main") == "log 0"
    assert shown_after(sources) == "log 0", "the tap's is of the old epoch"
    assert shown_after(sources, "gate/2/0/main") == ""
    sources.tapped = tapped_of(1, epoch=2)
    assert shown_after(sources, "gate/2/0/main") == "tap 1"


def test_who_waits_gets_the_tap_s_next_picture() -> None:
    sources = Sources(film=True)
    sources.live.note([recorded(event_of(1))])
    shown_after(sources)
    sources.tapped = tapped_of(1)

    async def wait() -> Found | None:
        sources.feed.bind()
        waiting = asyncio.create_task(sources.newest.after("gate", "gate/1/1/main", width=320, wait_s=60))
        await asyncio.sleep(0)
        sources.tapped = tapped_of(2)
        sources.feed.wake("gate")
        return await waiting

    found = asyncio.run(wait())
    assert found is not None
    assert found.shown.jpeg == b"tap 2"


@pytest.mark.parametrize("event_id", ["", "x", "a/b/c/d", "a/-1/2/d", "a/1/²/d", "a/1/" + "9" * 5000 + "/d", "////"])
def test_a_place_that_is_none_is_before_all(event_id: str) -> None:
    sources = Sources(film=True)
    sources.live.note([recorded(event_of(1))])
    shown_after(sources)
    sources.tapped = tapped_of(0)
    assert shown_after(sources, event_id) == "tap 0"
