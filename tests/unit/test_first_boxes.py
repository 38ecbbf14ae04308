"""The demo's first picture: there as soon as a box is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from framehop._core import read_jpeg_header
from framehop.cli.first_boxes import FirstBoxes
from framehop.log import LogAt, open_log
from framehop.types import DetectedObject, EventRecord
from tests.logs import make_event, marks_after, read, write

BOX = DetectedObject(label="cat", label_id=17, confidence=0.9, box=(1, 1, 20, 20))


def _events(path: Path) -> list[EventRecord]:
    """Two of each stream; the second has a box."""
    with open_log(path) as log, log.writer() as writer, log.consumer("g", member="m") as consumer:
        for stream in ("a", "b"):
            write(writer, stream, 2)
        records = read(consumer, 4)
        events = [
            replace(make_event(record), objects=[BOX] if record.meta.key.seq else [], outcome="detected")
            for record in records
        ]
        consumer.commit(events, marks_after(records))
        with log.events() as reader:
            return list(reader)


def test_a_picture_grows_with_every_stream_that_has_boxes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[str]] = []
    path = tmp_path / "first.jpg"
    first = FirstBoxes(LogAt.of(tmp_path / "log"), ["a", "b"], path)
    still = first._still

    def noting(log: object, streams: list[str]) -> object:
        drawn.append(streams)
        return still(log, streams)  # type: ignore[arg-type]

    monkeypatch.setattr(first, "_still", noting)
    events = sorted(_events(tmp_path / "log"), key=lambda record: (record.event.seq, record.event.stream))
    for record in events[:2]:
        first.take(record)
    assert not path.exists(), "events without boxes"
    for record in [*events[2:], *events]:
        first.take(record)
    assert drawn == [["a"], ["a", "b"]]
    assert (read_jpeg_header(path.read_bytes()).width, len(list(tmp_path.glob(".*")))) == (1280, 0)
    assert capsys.readouterr().err.count("first.jpg") == 1
