"""Locks of files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from framehop.errors import LogBusyError
from framehop.log.locks import FileLock, is_held


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


def test_a_lock_whose_file_cannot_be_removed_is_released_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path, *, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    lock = FileLock.acquire_unique(tmp_path / "w.1")
    monkeypatch.setattr(Path, "unlink", refuse)
    lock.release(unlink=True)
    assert not is_held(tmp_path / "w.1")
