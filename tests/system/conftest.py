from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

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
    runtime = Path(tempfile.mkdtemp(prefix="fh"))  # short: socket paths have 107 bytes
    place = House(tmp_path, runtime)
    try:
        yield place
        if request.node.stash.get(FAILED, False):
            place.tell_everything()
        else:
            place.assert_nothing_left()
    finally:
        place.kill_everything()
        shutil.rmtree(runtime, ignore_errors=True)
