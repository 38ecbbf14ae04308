from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.private_places import private_places
from tests.system.harness import House

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A place to run framehop in; at the end nothing of ours may be left: no process, no socket, no directory. After a failure
    every process says where it stood."""
    with _built(tmp_path, lambda: request.node.stash.get(FAILED, False)) as place:
        yield place


@pytest.fixture(scope="module")
def shared_house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house for all tests of a file that leave what runs there as they found it."""

    def failed() -> bool:
        return any(item.stash.get(FAILED, False) for item in request.session.items if item.path == request.path)

    with _built(tmp_path_factory.mktemp("shared"), failed) as place:
        yield place


@contextmanager
def _built(path: Path, failed: Callable[[], bool]) -> Iterator[House]:
    with private_places() as runtime:
        place = House(path, runtime)
        try:
            yield place
            if failed():
                place.tell_everything()
            else:
                place.assert_nothing_left()
        finally:
            place.kill_everything()
