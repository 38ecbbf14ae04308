"""Tests of what a writer keeps of its streams on a disk that has no room."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.errors import LogFullError
from framehop.log.kafka.stream_ledger import Sent, StreamLedger
from framehop.log.kafka.stream_store import StoredStream, StreamStore
from framehop.types import FrameKey

ROW = StoredStream(
    epoch=1, source="file", pass_index=0, finished_us=0, topic="framehop.frames", partition=0, seq=-1, offset=-1
)


def test_a_film_that_cannot_be_marked_finished_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise LogFullError("no room")

    ledger = StreamLedger(StreamStore(tmp_path, ROW.topic))
    for stream in ("film", "camera"):
        ledger.open(stream, ROW, [], ledger.lock(stream), {})
        ledger.held(stream).sent = 1
    ledger.finish_pass("film")
    monkeypatch.setattr(StreamStore, "save", full)
    for stream in ("film", "camera"):
        ledger.remember(ledger.held(stream), Sent(FrameKey(stream, ROW.epoch, 0), "", 10), 0)
    assert ledger.held("camera").quiet
    with pytest.raises(LogFullError, match="no room"):
        ledger.held("film")
    ledger.close()
