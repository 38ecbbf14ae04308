"""Locks of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.errors import LogBusyError
from framehop.log.locks import FileLock


def test_who_holds_a_name_that_is_ours_alone_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framehop.log.locks.UNIQUE_S", 0.05)
    held = FileLock.try_acquire(tmp_path / "lock")
    assert held is not None
    with pytest.raises(LogBusyError, match=r"end the process of this log that is stopped"):
        FileLock.acquire_unique(tmp_path / "lock")
    held.release(unlink=True)
    FileLock.acquire_unique(tmp_path / "lock").release()
