"""Tests of the handles that a log closes with itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.errors import ClosedError, LogError
from framehop.handles import Handles
from framehop.log import EmbeddedLog
from framehop.log.embedded.reader import EmbeddedEventReader


class _Handle:
    """One that notes what is done with it, and may fail to close."""

    def __init__(self, done: list[str], name: str, *, fails: bool = False) -> None:
        self._done, self._name, self._fails = done, name, fails
        self.closed = False

    def abandon(self) -> None:
        self._done.append(f"abandon {self._name}")

    def close(self) -> None:
        self._done.append(f"close {self._name}")
        self.closed = True
        if self._fails:
            raise LogError(f"{self._name} cannot be closed")


@pytest.mark.parametrize("failed", [False, True])
def test_one_that_fails_to_close_keeps_no_other_open(failed: bool) -> None:
    done: list[str] = []
    handles = Handles("log")
    for name in ("a", "b", "c"):
        handles.keep(_Handle(done, name, fails=name == "b"))
    with pytest.raises(LogError, match="b cannot be closed"):
        handles.close(failed=failed)
    steps = ("abandon", "close") if failed else ("close",)
    assert done == [f"{step} {name}" for name in ("a", "b", "c") for step in steps]
    assert not handles.close()


def test_a_log_is_closed_though_a_reader_of_it_fails_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(reader: EmbeddedEventReader) -> None:
        raise LogError("the disk is gone")

    log = EmbeddedLog(tmp_path)
    reader = log.events()
    monkeypatch.setattr(EmbeddedEventReader, "_settle", fail)
    with pytest.raises(LogError, match="the disk is gone"):
        log.close()
    assert reader.closed
    with pytest.raises(ClosedError):
        log.gaps()
    assert not (tmp_path / "index.db-wal").exists()  # as its last connection is closed
