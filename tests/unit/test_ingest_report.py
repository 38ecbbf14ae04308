"""Tests of ingest's progress: one line that is rewritten on a terminal, elsewhere a line every ten seconds."""

from __future__ import annotations

import pytest

from framehop.cli import ingest_report
from framehop.cli.ingest_report import LINE_S, IngestLine, progress_text
from framehop.pipeline.ingest.ingest import IngestProgress
from framehop.pipeline.ingest.stream_summary import StreamProgress


def stream(name: str, acked: int, **more: object) -> StreamProgress:
    values = {"appended": acked, "total": 100, "fps": 2.5, "error": ""} | more
    return StreamProgress(stream=name, acked=acked, **values)  # type: ignore[arg-type]


def progress(*streams: StreamProgress, stalled: str = "") -> IngestProgress:
    return IngestProgress(streams=streams, acked=sum(stream.acked for stream in streams), stalled=stalled)


class Watch:
    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(ingest_report, "time", watch)
    return watch


def test_what_is_no_terminal_gets_a_line_every_ten_seconds(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    with IngestLine() as line:
        for _ in range(61):  # every half second, for thirty
            line.update(progress(stream("gate", 7)))
            watch.now_s += 0.5
    assert capsys.readouterr().err.splitlines() == ["7 frames · 2.5/s · gate 7 of 100"] * int(30 / LINE_S)


def test_a_line_has_the_sum_and_a_few_streams() -> None:
    shown = progress_text(
        progress(
            stream("a", 5, before=10, failed=2),
            stream("b", 6, total=None, left_out=1),
            stream("c", 0, error="gone"),
            stream("d", 1),
            stream("e", 1),
            stalled="the disk is full",
        )
    )
    assert shown == (
        "13 frames · 12.5/s · a 15 of 100, 2 broken · b 6, 1 left out · c 0 of 100, failed · and 2 more streams · "
        "the disk is full"
    )
