"""Loading a model beside the one that runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from queue import SimpleQueue

import pytest

from framehop.errors import ModelError
from framehop.pipeline.detector.side_loader import LONGEST_REASON, SideLoader
from framehop.pipeline.processes.messages import Swap, SwapFailed, SwapLoaded
from framehop.testing.fake_model import FakeModel
from tests.waiting import until

SECOND = Swap(2, "new")


class Noted(FakeModel):
    """Tells how often it was closed."""

    closings = 0

    def close(self) -> None:
        self.closings += 1
        super().close()


class Shelf:
    """Loads when it is let: each result that a test puts in ends one load."""

    def __init__(self) -> None:
        self.results: SimpleQueue[Noted | BaseException] = SimpleQueue()
        self.asked: list[Swap] = []

    def load(self, order: Swap) -> Noted:
        self.asked.append(order)
        result = self.results.get(timeout=30)
        if isinstance(result, BaseException):
            raise result
        return result


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def loader(shelf: Shelf) -> Iterator[SideLoader[Noted]]:
    with closing(SideLoader(shelf.load)) as loader:
        yield loader


def news(loader: SideLoader[Noted]) -> list[SwapLoaded | SwapFailed]:
    found: list[SwapLoaded | SwapFailed] = []

    def heard() -> bool:
        found.extend(loader.news())
        return bool(found)

    until(heard, "news")
    return found


def test_a_loaded_model_is_handed_over_once(loader: SideLoader[Noted], shelf: Shelf) -> None:
    model = Noted()
    assert loader.begin(SECOND) == []
    assert loader.busy
    assert loader.take(2) is None
    shelf.results.put(model)
    assert news(loader) == [SwapLoaded(2)]
    assert loader.begin(SECOND) == [SwapLoaded(2)], "asked again, because the answer was lost"
    assert loader.take(3) is None
    assert loader.take(2) is model
    assert loader.take(2) is None
    loader.cancel(2)
    assert model.closings == 0, "it runs now"
    assert shelf.asked == [SECOND]
    until(lambda: not loader.busy, "the end of the thread")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModelError("no such file"), "no such file"),
        (MemoryError(), "out of memory: MemoryError"),
        (KeyError("x" * 9000), f"'{'x' * 9000}'"[:LONGEST_REASON]),
    ],
    ids=["ours", "memory", "fault"],
)
def test_a_load_that_fails_says_why(loader: SideLoader[Noted], shelf: Shelf, error: Exception, said: str) -> None:
    loader.begin(SECOND)
    shelf.results.put(error)
    assert news(loader) == [SwapFailed(2, said)]
    assert loader.take(2) is None


def test_a_cancelled_load_is_closed_when_it_is_done(loader: SideLoader[Noted], shelf: Shelf) -> None:
    late, model = Noted(), Noted()
    loader.begin(SECOND)
    until(lambda: shelf.asked, "the first load")
    loader.cancel(2)
    shelf.results.put(late)
    until(lambda: loader.news() == [] and late.closings, "the end of the late one")
    loader.begin(Swap(3, "newer"))
    shelf.results.put(model)
    assert news(loader) == [SwapLoaded(3)]
    loader.cancel(2)
    assert model.closings == 0
    loader.cancel(3)
    assert model.closings == 1
    assert loader.take(3) is None


def test_another_order_replaces_a_loaded_model(loader: SideLoader[Noted], shelf: Shelf) -> None:
    first, second = Noted(), Noted()
    shelf.results.put(first)
    loader.begin(SECOND)
    assert news(loader) == [SwapLoaded(2)]
    shelf.results.put(second)
    loader.begin(Swap(3, "newer"))
    assert first.closings == 1
    assert news(loader) == [SwapLoaded(3)]
    loader.close()
    assert second.closings == 1
