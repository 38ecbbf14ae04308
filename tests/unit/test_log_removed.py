"""A log whose directory is removed or moved away while it is in use, and perhaps made anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.errors import LogError
from framehop.log import EmbeddedLog
from framehop.log.locks import FileLock
from tests.logs import TIMEOUT_S, make_frame, write
from tests.waiting import until

GONE = "was removed while it was in use"
pytestmark = pytest.mark.parametrize("made_anew", [False, True])


def _take_away(root: Path, *, made_anew: bool) -> None:
    """Move a log away, which is one step, while removing it would race against what its flusher makes."""
    root.rename(root.with_name("away"))
    if made_anew:
        with EmbeddedLog(root) as log, log.writer() as writer:
            write(writer, "yard", 1)


def test_its_writer_acknowledges_nothing_more(tmp_path: Path, made_anew: bool) -> None:
    with EmbeddedLog(tmp_path / "log") as log, log.writer() as writer:
        state = write(writer, "gate", 1)
        _take_away(tmp_path / "log", made_anew=made_anew)
        writer.append(make_frame(state, 1))
        with pytest.raises(LogError, match=GONE):
            writer.flush(TIMEOUT_S)


def test_who_waits_for_its_events_or_its_groups_is_told(tmp_path: Path, made_anew: bool) -> None:
    with EmbeddedLog(tmp_path / "log") as log, log.events() as reader:
        _take_away(tmp_path / "log", made_anew=made_anew)
        with pytest.raises(LogError, match=GONE):
            reader.poll(1, TIMEOUT_S)
        with pytest.raises(LogError, match=GONE):
            log.committed("main")


def test_who_waits_for_its_events_through_a_copy_is_told(
    tmp_path: Path, made_anew: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedLog(tmp_path / "log") as log, log.writer() as writer:
        write(writer, "gate", 1)
    with monkeypatch.context() as patch:
        patch.setattr("framehop.log.embedded.embedded_log.is_read_only", lambda _root: True)
        log = EmbeddedLog(tmp_path / "log")
    with log, log.events() as reader:
        assert reader.poll(1, 0.0) == []
        _take_away(tmp_path / "log", made_anew=made_anew)
        with pytest.raises(LogError, match=GONE):
            reader.poll(1, TIMEOUT_S)


def test_its_flusher_leaves_what_is_there_alone(
    tmp_path: Path, made_anew: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Its retention goes by the old index, and would remove segments of the new log that have the same numbers."""
    with EmbeddedLog(tmp_path / "log") as log, log.writer() as writer:
        write(writer, "gate", 1)
        _take_away(tmp_path / "log", made_anew=made_anew)
        log._context.maintenance.request_retention()
        until(lambda: GONE in caplog.text, "what the flusher says")
    assert len(list((tmp_path / "log").glob("frames/*.seg"))) == made_anew


def test_a_lock_removes_no_file_that_is_not_its_own(tmp_path: Path, made_anew: bool) -> None:
    lock = FileLock.try_acquire(tmp_path / "lock")
    assert lock is not None
    (tmp_path / "lock").rename(tmp_path / "away")
    if made_anew:
        (tmp_path / "lock").touch()
    lock.release(unlink=True)
    assert (tmp_path / "lock").exists() == made_anew
