from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.harness import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A place to run framehop in; at the end nothing of ours may be left: no process, no socket, no directory."""
    runtime = Path(tempfile.mkdtemp(prefix="fh"))  # short: socket paths have 107 bytes
    place = House(tmp_path, runtime)
    try:
        yield place
        place.assert_nothing_left()
    finally:
        place.kill_everything()
        shutil.rmtree(runtime, ignore_errors=True)
