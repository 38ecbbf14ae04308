"""Tests of framehop status, asked of a pipeline that only answers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from framehop.errors import ProcessError
from framehop.pipeline.control_plane.asking import PublishedPipeline, ask_status, ask_streams
from framehop.pipeline.control_plane.control_socket import ControlSocket
from framehop.pipeline.control_plane.requests import (
    PUBLICATION,
    SOCKET,
    AddStreams,
    PipelineReport,
    Publication,
    Refusal,
    encode,
    parse_request,
)
from framehop.pipeline.ingest.ingest import Ingest
from framehop.pipeline.ingest.reporter import published
from framehop.pipeline.processes.messages import Beat
from framehop.pipeline.processes.source_messages import SourceHealth, SourceNews, SourceOrder
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.streams.streams import Streams
from framehop.pipeline.supervisor.status import Counters, ProcessStatus, Status
from framehop.protocols import Backlog
from framehop.sources import SourceSpec
from framehop.types import PartitionLag
from tests.commands import framehop

SAID = Publication(pid=7, started_us=0, log="kafka://broker:9092/cams", lane="main", version="1")
IDLE = Status(
    frames_read=0,
    events=0,
    detected=0,
    skipped=0,
    failed=0,
    in_flight=0,
    resent=0,
    appended=0,
    restarts=0,
    stalled="",
)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the only directory where pipelines are looked for. Its name is short, since a socket's path has to be."""
    with tempfile.TemporaryDirectory(prefix="fh-") as directory:
        monkeypatch.setattr("framehop.pipeline.control_plane.asking.runtime_parents", lambda: [Path(directory)])
        yield Path(directory)


def _lag(topic: str, partition: int, owner: str) -> PartitionLag:
    return PartitionLag(topic=topic, partition=partition, end=0, committed=0, messages=0, seconds=None, owner=owner)


def _printed(
    runtime: Path, *lag: PartitionLag, counters: Status = IDLE, more: tuple[ProcessStatus, ...] = ()
) -> list[str]:
    """Return the lines that status shows of a pipeline with two workers."""
    directory = runtime / "framehop-1"
    directory.mkdir(mode=0o700)
    workers = ("worker-0", "worker-1")
    report = PipelineReport(
        publication=SAID,
        stopping=False,
        counters=counters,
        events_per_s=0.0,
        processes=[ProcessStatus(name=name, pid=1, ready=True, starts=1, in_flight=0) for name in workers] + list(more),
        streams=[],
        rings=[],
        members={name: f"host-{index}" for index, name in enumerate(workers)},
        lag=list(lag),
        lag_age_s=0.0,
    )
    with ControlSocket(directory / SOCKET, lambda _request: report):
        (directory / PUBLICATION).write_bytes(encode(SAID))
        return framehop("status").stdout.splitlines()


def _shown(runtime: Path, *lag: PartitionLag) -> dict[str, str]:
    """Return the partitions that status shows for each worker of a pipeline whose group has this lag."""
    rows = [line.split(maxsplit=5) for line in _printed(runtime, *lag) if line.lstrip().startswith("worker-")]
    return {name: partitions.strip() for name, _pid, _state, _starts, _in_flight, partitions in rows}


@pytest.mark.parametrize(
    ("starting_s", "said"), [(2.0, "  starting  "), (45.2, "  starting for 45 s of at most 600 s  ")]
)
def test_what_starts_for_long_says_how_long_it_may(runtime: Path, starting_s: float, said: str) -> None:
    loads = ProcessStatus(
        name="detector-0", pid=1, ready=False, starts=1, in_flight=0, starting_s=starting_s, start_s=600.0
    )
    (line,) = [line for line in _printed(runtime, more=(loads,)) if "detector-0" in line]
    assert said in line


def test_partitions_of_one_topic_are_named_by_number(runtime: Path) -> None:
    shown = _shown(runtime, _lag("cams", 0, "host-0"), _lag("cams", 1, "host-1"), _lag("cams", 2, "host-0"))
    assert shown == {"worker-0": "0, 2", "worker-1": "1"}


def test_partitions_of_several_topics_are_named_with_them(runtime: Path) -> None:
    shown = _shown(runtime, _lag("east", 0, "host-0"), _lag("west", 0, "host-1"), _lag("west", 1, "host-0"))
    assert shown == {"worker-0": "east/0, west/1", "worker-1": "west/0"}


def test_an_answer_that_cannot_be_sent_is_a_refusal_and_the_next_request_is_answered(
    runtime: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = runtime / "framehop-1"
    directory.mkdir(mode=0o700)
    answers = iter([Refusal(error="gate\udce9.mp4"), Refusal(error="of the test")])
    found = PublishedPipeline(directory=directory, publication=SAID)
    with ControlSocket(directory / SOCKET, lambda _request: next(answers)):
        with pytest.raises(ProcessError, match="this request failed here"):
            ask_status(found)
        with pytest.raises(ProcessError, match="of the test"):
            ask_status(found)


@pytest.mark.parametrize("data", [b"", b"[" * 60_000, b'{"type":"status","x":' + b"[" * 60_000, b'{"type":"\xff"}'])
def test_a_hostile_request_is_refused(data: bytes) -> None:
    with pytest.raises(ProcessError, match="this request is not understood"):
        parse_request(data)


def test_a_request_that_cannot_be_sent_is_refused(runtime: Path) -> None:
    found = PublishedPipeline(directory=runtime / "framehop-1", publication=SAID)
    request = AddStreams(sources=[SourceSpec(source="/gate\udce9.mp4", stream="gate")])
    with pytest.raises(ProcessError, match="is not UTF-8"):
        ask_streams(found, request)


def test_many_partitions_are_counted(runtime: Path) -> None:
    lag = [_lag("cams", number, f"host-{number % 10 // 9}") for number in range(20)]
    shown = _shown(runtime, *lag)
    assert shown == {"worker-0": "0, 1, 2, 3, 4, 5, 6, 7 and 10 more", "worker-1": "9, 19"}


def test_what_waits_in_the_spool_is_shown(runtime: Path) -> None:
    spooled = replace(IDLE, spooled=Backlog(frames=1234, bytes=56_000_000))
    assert "  in the spool: 1234 frames, 56 MB" in _printed(runtime, counters=spooled)


def test_the_pace_of_an_ingest_and_what_is_in_its_spool_are_shown(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    work = SimpleNamespace(acked=3, stalled="no broker answers", spooled=Backlog(frames=12, bytes=5000))
    roster = Roster()
    for stream, fps in (("gate", 24.5), ("yard", 10.0)):
        roster.add(SourceOrder(stream=stream, source="testsrc:", rate="max", loop=1, since_us=7))
        roster.note(SourceNews(stream, 7, "running", health=SourceHealth(fps=fps)))
    with published(cast(Ingest, work), Streams(roster), log=SAID.log, stopping=lambda: False):
        shown = framehop("status").stdout.splitlines()
    assert shown[1:4] == [
        "  running, 34.5 frames/s, 3 frames put into the log",
        "  waiting: no broker answers",
        "  in the spool: 12 frames, 5 kB",
    ]


def test_an_empty_spool_is_not_mentioned(runtime: Path) -> None:
    assert not any("spool" in line for line in _printed(runtime))


def test_the_spools_of_all_processes_add_up() -> None:
    beats = [Beat(spooled_frames=2, spooled_bytes=20), Beat(), Beat(spooled_frames=1, spooled_bytes=5)]
    processes = [SimpleNamespace(beat=beat) for beat in beats]
    assert Counters().status(processes).spooled == Backlog(frames=3, bytes=25)  # type: ignore[arg-type]
