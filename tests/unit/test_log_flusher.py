"""The flusher of a log in a directory, where it cannot work at once."""

from __future__ import annotations

import threading
from pathlib import Path

import apsw
import pytest

from framehop.errors import LogError
from framehop.log import EmbeddedLog, LogOptions
from framehop.log.embedded import maintenance
from framehop.log.embedded.layout import LogPaths
from framehop.log.embedded.maintenance import Maintenance
from framehop.log.embedded.presence import Presence
from framehop.log.sqlite import connect
from tests.logs import write
from tests.waiting import until


def test_a_flusher_that_could_not_open_the_index_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[Path] = []
    opened: list[apsw.Connection] = []

    def connect_later(path: Path) -> apsw.Connection:
        tries.append(path)
        if len(tries) == 1:
            raise LogError(f"{path}: Too many open files")
        opened.append(connect(path))
        return opened[-1]

    monkeypatch.setattr(maintenance, "connect", connect_later)
    with EmbeddedLog(tmp_path) as log, log.writer() as writer:
        write(writer, "gate", 3)
        until(lambda: bool(opened), "another try")
    assert "is tried again: " in caplog.text


def test_a_flusher_that_could_not_be_started_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    EmbeddedLog(tmp_path).close()
    paths = LogPaths(root=tmp_path)
    flusher = Maintenance(paths, LogOptions(), Presence(paths))
    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            flusher.mark()
    flusher.close()
