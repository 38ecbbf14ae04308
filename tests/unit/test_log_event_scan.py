"""Events that are read again from a place on, in a log in a directory."""

from __future__ import annotations

import logging
from pathlib import Path

import apsw
import pytest

from framehop.log import open_log
from tests.logs import make_event, marks_after, read, write


def test_an_event_that_cannot_be_read_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_log(tmp_path / "log") as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        write(writer, "a", 3)
        records = read(consumer, 3)
        consumer.commit([make_event(record) for record in records], marks_after(records))
        with apsw.Connection(str(tmp_path / "log" / "index.db")) as db:
            db.execute("UPDATE events SET json=? WHERE seq=1", (b"{",))
        with caplog.at_level(logging.WARNING):
            found = log.events_of(records[0].meta.pointer.topic_partition, 0)
            assert [record.event.seq for record in found] == [0, 2]
    assert "cannot be read" in caplog.text
