"""Tests of the pictures that are made for the page: each once, few at a time, and none twice while it is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from framehop.errors import LogError
from framehop.types import FrameKey, FramePointer
from framehop.web import pictures as pictures_module
from framehop.web.pictures import PagePictures
from framehop.web.pool import Pool
from framehop.web.stills import ShownPicture

LONG_S = 60.0


@dataclass(kw_only=True)
class Maker:
    """Makes pictures of ten bytes, once it is let. `failing`: how many of the next ones cannot be read."""

    made: list[int] = field(default_factory=list)
    may: threading.Event = field(default_factory=threading.Event)
    opened: int = 1
    failing: int = 0

    def still(self, log: object, pointer: FramePointer, *_: object) -> tuple[Any, Any]:
        assert self.may.wait(LONG_S)
        if self.failing:
            self.failing -= 1
            raise LogError("the disk does not answer")
        self.made.append(pointer.offset)
        return None, None

    def run(self, looks: Callable[[PagePictures], Any]) -> None:
        pool = Pool("pictures", threads=2, waiting=64)
        pictures = PagePictures(pool, lambda: cast(Any, None), lambda: self.opened, lambda _: None)
        try:
            asyncio.run(looks(pictures))
        finally:
            self.may.set()
            pool.close()


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> Maker:
    maker = Maker()
    monkeypatch.setattr(pictures_module, "still_of", maker.still)
    monkeypatch.setattr(pictures_module, "shown", lambda *_: ShownPicture(jpeg=b"0123456789", width=640, height=360))
    return maker


async def look(pictures: PagePictures, offset: int, width: int = 320) -> ShownPicture:
    pointer = FramePointer(topic="frames", partition=0, offset=offset)
    return await pictures.shown(pointer, frame=FrameKey("gate", 1, offset), width=width, source_width=640)


def test_a_picture_is_made_once_however_many_look(maker: Maker) -> None:
    """It is made once also for sizes that are near, and for who comes later."""

    async def looks(pictures: PagePictures) -> None:
        waiting = [asyncio.ensure_future(look(pictures, 7, width)) for width in (320, 300, 320) * 20]
        await asyncio.sleep(0)  # all have asked
        maker.may.set()
        await asyncio.gather(*waiting)
        await look(pictures, 7)
        assert maker.made == [7]
        await look(pictures, 7, width=640)
        assert maker.made == [7, 7]

    maker.run(looks)


def test_who_leaves_takes_nothing_from_the_others(maker: Maker) -> None:
    async def looks(pictures: PagePictures) -> None:
        first, second = (asyncio.ensure_future(look(pictures, 7)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        maker.may.set()
        assert (await second).jpeg
        assert maker.made == [7]

    maker.run(looks)


def test_what_could_not_be_made_is_tried_again(maker: Maker) -> None:
    maker.may.set()
    maker.failing = 1

    async def looks(pictures: PagePictures) -> None:
        with pytest.raises(LogError, match="does not answer"):
            await look(pictures, 7)
        assert (await look(pictures, 7)).jpeg

    maker.run(looks)


def test_of_another_log_under_the_name_pictures_are_made_anew(maker: Maker) -> None:
    maker.may.set()

    async def looks(pictures: PagePictures) -> None:
        await look(pictures, 7)
        maker.opened += 1
        await look(pictures, 7)
        assert maker.made == [7, 7]

    maker.run(looks)


def test_what_is_kept_is_bounded_and_what_was_looked_at_last_stays(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker.may.set()
    monkeypatch.setattr(pictures_module, "KEPT_BYTES", 30)

    async def looks(pictures: PagePictures) -> None:
        for offset in (1, 2, 3, 1, 4, 1, 2):
            await look(pictures, offset)
        assert maker.made == [1, 2, 3, 4, 2]

    maker.run(looks)
