"""The copy through which a log is read that cannot be written."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from framehop.log import EmbeddedLog
from framehop.log.embedded.read_only import ReadOnlyLog
from framehop.log.sqlite import connect, value
from tests.logs import write


def test_a_write_ahead_log_that_goes_while_it_is_copied_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes with the last process that has the log open."""
    log = EmbeddedLog(tmp_path / "log")
    with log.writer() as writer:
        write(writer, "gate", 2)
    copy = shutil.copyfile

    def copy_late(source: Path, to: Path) -> None:
        log.close()
        copy(source, to)

    monkeypatch.setattr(shutil, "copyfile", copy_late)
    with ReadOnlyLog(tmp_path / "log") as found, closing(connect(found.root / "index.db")) as db:
        assert value(db, "SELECT count(*) FROM frames") == 2
