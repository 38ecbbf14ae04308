"""framehop stream, against pipelines whose answers a test writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from rich.console import Console

from framehop.cli.stream_table import stream_table
from framehop.errors import InvalidArgumentError
from framehop.pipeline.control_plane import asking
from framehop.pipeline.control_plane.control_socket import publish
from framehop.pipeline.control_plane.requests import (
    AddStreams,
    Answer,
    ChangeStreams,
    Kind,
    Publication,
    Request,
    StreamsReport,
    StreamsRequest,
)
from framehop.pipeline.processes.source_messages import SourceHealth
from framehop.pipeline.streams.stream_status import StreamStatus
from framehop.sources import SourceSpec
from tests.commands import framehop

NOW_US = 1_700_000_000_000_000
GATE = StreamStatus(
    stream="gate",
    source="rtsp://***@gate/1",
    phase="running",
    acked=250,
    health=SourceHealth(
        phase_since_us=NOW_US - 600_000_000,
        codec="h264",
        width=1280,
        height=720,
        fps=24.83,
        declared_fps=25.0,
        last_frame_us=NOW_US - 1_000_000,
        reconnects=2,
        bytes=12_345_678,
        last_error="rtsp://gate/1 has closed the connection",
        clock="ingest",
        doubt="jumped by +7200.0 s",
    ),
)
YARD = StreamStatus(
    stream="yard",
    source="rtsp://yard/1",
    phase="retrying",
    error="[Errno 111] Connection refused",
    health=SourceHealth(phase_since_us=NOW_US - 5_000_000, next_try_us=NOW_US + 8_000_000),
)


class Host:
    """A machine with pipelines that answer every request with `streams`, or refuse it."""

    def __init__(self, directory: Path, opened: ExitStack) -> None:
        self._directory = directory
        self._opened = opened
        self.asked: list[tuple[int, Request]] = []
        self.streams = [GATE, YARD]
        self.refusal = ""

    def run(self, pid: int, kind: Kind = "pipeline", lane: str = "main") -> None:
        directory = self._directory / f"framehop-{pid}"
        directory.mkdir(mode=0o700)
        said = Publication(pid=pid, started_us=pid, log="kafka://house", lane=lane, version="1", kind=kind)

        def answer(request: Request) -> Answer:
            self.asked.append((pid, request))
            if self.refusal:
                raise InvalidArgumentError(self.refusal)
            return StreamsReport(publication=said, streams=self.streams)

        self._opened.enter_context(publish(directory, said, answer))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(asking, "runtime_parents", lambda: [tmp_path])
    with ExitStack() as opened:
        yield Host(tmp_path, opened)


def test_a_row_has_what_is_known_and_says_what_is_done_about_an_error() -> None:
    console = Console(width=250, highlight=False)
    with console.capture() as shown:
        console.print(stream_table([GATE, YARD], NOW_US))
    _, gate, yard = (" ".join(line.split()) for line in shown.get().splitlines())
    assert gate == (
        "gate running 10 minutes h264 1280x720 24.8 of 25 1 second 250 12.3 MB 2 rtsp://***@gate/1; "
        "last error: rtsp://gate/1 has closed the connection; its clock jumped by +7200.0 s"
    )
    assert yard == "yard retrying 5 seconds 0 [Errno 111] Connection refused; next try in 8 seconds"


def test_list_shows_the_streams(host: Host) -> None:
    host.run(7)
    done = framehop("stream", "list")
    assert done.status == 0
    assert "24.8 of 25" in done.stdout
    assert "[Errno 111] Connection refused" in done.stdout
    assert host.asked == [(7, StreamsRequest())]


def test_list_as_json_is_complete(host: Host) -> None:
    host.run(7)
    said = json.loads(framehop("stream", "list", "--json").stdout)
    assert said["publication"]["pid"] == 7
    [gate, yard] = said["streams"]
    assert gate["health"] == {
        "phase_since_us": NOW_US - 600_000_000,
        "codec": "h264",
        "width": 1280,
        "height": 720,
        "fps": 24.83,
        "declared_fps": 25.0,
        "last_frame_us": NOW_US - 1_000_000,
        "reconnects": 2,
        "bytes": 12_345_678,
        "next_try_us": 0,
        "last_error": "rtsp://gate/1 has closed the connection",
        "clock": "ingest",
        "doubt": "jumped by +7200.0 s",
    }
    assert (yard["phase"], yard["error"]) == ("retrying", "[Errno 111] Connection refused")


def test_list_of_nothing_says_so(host: Host) -> None:
    host.run(7)
    host.streams = []
    assert framehop("stream", "list").stderr == "process 7 reads no sources\n"


def test_sources_are_named_so_that_another_process_finds_them(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clips").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "clips" / name).touch()
    monkeypatch.chdir(tmp_path)
    host.run(7)
    words = ("clips", "cam=clips/a.mp4", "testsrc:?rate=5", "pan:photo.jpg?count=9")
    done = framehop("stream", "add", *words, "--rate", "max", "--loop", "2", "--codec", "copy")
    assert done.stderr == "added: gate, yard\n"
    sources = [
        SourceSpec(source=f"{tmp_path}/clips/a.mp4", stream="a"),
        SourceSpec(source=f"{tmp_path}/clips/b.mp4", stream="b"),
        SourceSpec(source=f"{tmp_path}/clips/a.mp4", stream="cam"),
        SourceSpec(source="testsrc:?rate=5", stream="testsrc"),
        SourceSpec(source=f"pan:{tmp_path}/photo.jpg?count=9", stream="photo"),
    ]
    assert host.asked == [(7, AddStreams(sources=sources, rate="max", loop=2, codec="copy"))]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("no/*.mp4",), "nothing fits 'no/*.mp4'"),
        (("testsrc", "--rate", "quick"), "rate 'quick' is not understood"),
        (("testsrc", "--codec", "gif"), "codec 'gif' is not known"),
        (("a=testsrc", "a=testsrc:"), "two sources have the stream id 'a'"),
        (("testsrc", "pan:x.jpg", "--stream", "a"), "--stream names one source"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anybody_is_asked(
    host: Host, words: tuple[str, ...], message: str
) -> None:
    host.run(7)
    done = framehop("stream", "add", *words)
    assert done.status == 1
    assert message in done.stderr
    assert host.asked == []


@pytest.mark.parametrize(("command", "said"), [("remove", "removed"), ("pause", "paused"), ("resume", "resumed")])
def test_streams_are_changed_by_name(host: Host, command: str, said: str) -> None:
    host.run(7)
    done = framehop("stream", command, "gate", "yard")
    assert done.stderr == f"{said}: gate, yard\n"
    assert host.asked == [(7, ChangeStreams(change=command, streams=["gate", "yard"]))]  # type: ignore[arg-type]


def test_a_refusal_is_the_commands_error(host: Host) -> None:
    host.run(7)
    host.refusal = "no stream 'gate' is read here; there is none"
    done = framehop("stream", "pause", "gate")
    assert done.status == 1
    assert done.stderr == "error: process 7: no stream 'gate' is read here; there is none\n"


def test_of_several_one_has_to_be_named(host: Host) -> None:
    host.run(7)
    host.run(8, "ingest", lane="")
    done = framehop("stream", "list")
    assert done.status == 1
    assert "7 (lane main of kafka://house), 8 (ingest into kafka://house)" in done.stderr
    assert framehop("stream", "list", "--pipeline", "8").status == 0
    assert framehop("stream", "list", "--pipeline", "main").status == 0
    assert [pid for pid, _ in host.asked] == [8, 7]


def test_a_detect_beside_an_ingest_is_not_meant(host: Host) -> None:
    host.run(7, "detect")
    host.run(8, "ingest", lane="")
    assert framehop("stream", "list").status == 0
    assert [pid for pid, _ in host.asked] == [8]


def test_too_many_at_once_are_refused_here(host: Host) -> None:
    host.run(7)
    done = framehop("stream", "remove", *(f"{index:0128}" for index in range(600)))
    assert done.status == 1
    assert "too much for one request" in done.stderr
