"""Streams that come, pause and go while a pipeline runs."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import framehop
from framehop import _core
from framehop.errors import ProcessError
from framehop.pipeline.control_plane import (
    PUBLICATION,
    AddStreams,
    Change,
    ChangeStreams,
    Publication,
    PublishedPipeline,
    StreamRequest,
    StreamsRequest,
    SwapLook,
    ask_status,
    ask_streams,
    ask_swap,
)
from framehop.pipeline.supervisor.roster import StreamStatus
from framehop.sources import SourceSpec
from tests.cameras import RtspServer
from tests.clips import write_film
from tests.system.harness import House, check_ledger, pictures_of
from tests.tiny_model import write_model
from tests.waiting import until

LIVE = "testsrc:?size=96x64&rate=20"
FILM = "testsrc:?size=96x64&count=100"
ANSWER_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command that runs, and its streams as its control socket tells them: quicker than by another command."""

    process: subprocess.Popen[bytes]
    found: PublishedPipeline

    def _ask(self, request: StreamRequest) -> dict[str, StreamStatus]:
        return {status.stream: status for status in ask_streams(self.found, request, ANSWER_S).streams}

    def streams(self) -> dict[str, StreamStatus]:
        return self._ask(StreamsRequest())

    def phases(self) -> dict[str, str]:
        return {name: status.phase for name, status in self.streams().items()}

    def add(self, stream: str, source: str, rate: str = "20") -> None:
        assert set(self._ask(AddStreams(sources=[SourceSpec(source=source, stream=stream)], rate=rate))) == {stream}

    def change(self, change: Change, *streams: str) -> dict[str, StreamStatus]:
        return self._ask(ChangeStreams(change=change, streams=list(streams)))

    def wait_for(self, stream: str, done: Callable[[StreamStatus], bool]) -> None:
        until(lambda: done(self.streams()[stream]), f"stream {stream}", 60)

    @property
    def named(self) -> tuple[str, str]:
        """The option that names it, as other pipelines of this user may run."""
        return "--pipeline", str(self.process.pid)

    def line(self, text: str) -> str:
        """Return the next line of its stderr that has this text."""
        assert self.process.stderr is not None
        lines = (line.decode() for line in self.process.stderr)
        return next(line for line in lines if text in line)


@contextmanager
def running(house: House, command: str, *words: str | Path) -> Iterator[Asked]:
    """A command that can be asked. It is ended at the end unless it has ended by itself."""
    model = ("--model", write_model(house.path)) if command == "run" else ()
    process = house.start(command, *words, "--log", house.log, *model)
    until(lambda: _found(house, process) or process.poll() is not None, "a pipeline", 60)
    yield Asked(process=process, found=_found(house, process)[0])
    if process.poll() is None:
        process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr.decode()
    assert b"Traceback" not in stderr, stderr.decode()


def _found(house: House, process: subprocess.Popen[bytes]) -> list[PublishedPipeline]:
    published = [
        PublishedPipeline(directory=path.parent, publication=Publication(**json.loads(path.read_bytes())))
        for path in house.runtime.glob(f"framehop-*/{PUBLICATION}")
    ]
    return [found for found in published if found.publication.pid == process.pid]


def running_with_frames(status: StreamStatus) -> bool:
    return status.phase == "running" and status.acked > 2


def events(house: House) -> dict[str, list[list[int]]]:
    """The seqs of all events, by stream, for each epoch."""
    found: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    with framehop.open_log(house.log, create=False) as log, log.events() as reader:
        for record in reader:
            found[record.event.stream][record.event.epoch].append(record.event.seq)
    return {stream: list(epochs.values()) for stream, epochs in found.items()}


def test_streams_come_pause_and_go_in_a_run_and_every_frame_has_its_event(house: House) -> None:
    with running(house, "run", f"a={LIVE}", f"b={LIVE}") as run:
        for name in ("a", "b"):
            run.wait_for(name, running_with_frames)
        run.add("film", FILM)
        run.wait_for("film", running_with_frames)
        run.change("pause", "film", "b")
        for name in ("film", "b"):
            run.wait_for(name, lambda status: status.acked == status.appended)
        run.change("remove", "a")
        house.wait_for("ingest-0").kill()
        run.add("late", LIVE)
        run.wait_for("late", running_with_frames)
        assert run.phases() == {"b": "paused", "film": "paused", "late": "running"}, "what its successor reads"
        run.change("resume", "film", "b")
        run.wait_for("film", lambda status: status.phase == "ended")
        run.wait_for("b", running_with_frames)
    assert house.framehop("audit", "--log", house.log).returncode == 0
    found = events(house)
    assert {name: len(epochs) for name, epochs in found.items()} == {"a": 1, "b": 2, "film": 1, "late": 1}
    assert found["film"] == [list(range(100))], "a film goes on with its next frame"


def test_a_run_of_finite_sources_ends_with_those_that_were_added(house: House) -> None:
    with running(house, "run", f"short={FILM}", "--rate", "20") as run:
        run.add("more", FILM)
        assert run.process.wait(90) == 0
    check_ledger(house.log, {"short": pictures_of(FILM), "more": pictures_of(FILM)})


def test_a_paused_film_keeps_an_ingest_and_a_run_going(house: House) -> None:
    with running(house, "ingest", f"film={FILM}", "--rate", "20") as ingest:
        ingest.wait_for("film", running_with_frames)
        ingest.change("pause", "film")
        ingest.add("more", FILM, rate="max")
        ingest.wait_for("more", lambda status: status.phase == "ended")
        with running(house, "run", f"b={FILM}", "--rate", "20") as run:
            run.wait_for("b", running_with_frames)
            run.change("pause", "b")
            several = house.framehop("stream", "list")
            assert several.returncode == 1
            assert f"{ingest.process.pid} (ingest into {house.log})" in several.stderr
            assert f"{run.process.pid} (lane main of {house.log})" in several.stderr
            ingest.change("resume", "film")
            assert ingest.process.wait(60) == 0
            until(lambda: house.events() > 200, "events of what both have read", 60)
            assert run.process.poll() is None
            run.change("resume", "b")
            assert run.process.wait(60) == 0
    check_ledger(house.log, {name: pictures_of(FILM) for name in ("film", "more", "b")})


def test_an_ingest_is_found_and_changed_by_the_commands(house: House) -> None:
    with running(house, "ingest", f"a={LIVE}", "--json") as ingest:
        ingest.wait_for("a", running_with_frames)
        report = ask_status(ingest.found)
        assert [process.pid for process in report.processes] == [ingest.process.pid]
        assert report.counters.appended > 0
        with pytest.raises(ProcessError, match="this is an ingest, which has no model"):
            ask_swap(ingest.found, SwapLook(1))
        for stream, source, message in (("b", "/no-such.mp4", "no such file"), ("a", "testsrc:", "a has the source")):
            with pytest.raises(ProcessError, match=message):
                ingest.add(stream, source)
        assert house.framehop("stream", "add", f"b={LIVE}", *ingest.named).returncode == 0
        ingest.wait_for("b", running_with_frames)
        assert house.framehop("stream", "pause", "a", *ingest.named).returncode == 0
        listed = json.loads(house.framehop("stream", "list", "--json", *ingest.named).stdout)["streams"]
        assert {status["stream"]: status["phase"] for status in listed} == {"a": "paused", "b": "running"}
        ingest.change("remove", "a")
        ingest.process.send_signal(signal.SIGINT)
        stdout, stderr = ingest.process.communicate(timeout=30)
        assert ingest.process.returncode == 130, stderr.decode()
        assert set(json.loads(stdout)["streams"]) == {"a", "b"}
        ingest.process.returncode = 0


def _says(path: Path, *streams: str) -> None:
    path.write_text("streams:\n" + "".join(f"  {line}\n" for line in streams))


def test_a_file_of_streams_is_read_again_on_sighup(house: House) -> None:
    for command in ("ingest", "run"):
        path = house.path / f"{command}.yaml"
        _says(path, f"a: {{source: '{LIVE}'}}", f"b: {{source: '{LIVE}'}}")
        with running(house, command, "--config", path) as asked:
            asked.wait_for("a", running_with_frames)
            _says(path, f"b: {{source: '{LIVE}', rate: 10}}", f"c: {{source: '{LIVE}'}}")
            asked.process.send_signal(signal.SIGHUP)
            assert f"{path} was read again: added c; removed a; replaced b" in asked.line("was read again")
            for name in ("b", "c"):
                asked.wait_for(name, running_with_frames)
            _says(path, "c: {sauce: x}")
            asked.process.send_signal(signal.SIGHUP)
            said = asked.line("stay as they are")
            assert f"{path}: streams.c: Object contains unknown field `sauce`" in said
            assert set(asked.streams()) == {"b", "c"}
    assert house.framehop("audit", "--log", house.log).returncode == 0


def _answers(house: House) -> list[str]:
    """What became of each frame so far: the reason, or the outcome where there is none."""
    with framehop.open_log(house.log, create=False) as log, log.events() as reader:
        return [record.event.reason or record.event.outcome for record in reader]


def test_a_stream_of_a_file_has_its_own_policy_and_is_read_on_with_another_one(house: House) -> None:
    path = house.path / "run.yaml"
    _says(path, f"a: {{source: '{LIVE}', policy: every_n=1000000}}")
    with running(house, "run", "--config", path, "--policy", "all") as run:
        until(lambda: _answers(house).count("every-n") > 5, "frames that are skipped", 60)
        assert "detected" not in _answers(house)[1:]
        _says(path, f"a: {{source: '{LIVE}'}}")
        run.process.send_signal(signal.SIGHUP)
        assert f"{path} was read again: other policy for a" in run.line("was read again")
        until(lambda: _answers(house)[-5:] == ["detected"] * 5, "frames that are looked at", 60)
    assert len(events(house)["a"]) == 1, "the source was interrupted"
    assert house.framehop("audit", "--log", house.log).returncode == 0


@pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")
def test_a_camera_of_a_file_shows_its_health_and_never_its_password(house: House) -> None:
    film = write_film(house.path / "clip.mp4", 1000, params="keyint=25:min-keyint=25:scenecut=0")
    house.env["CAM_PASSWORD"] = password = "p@ss:w/rd"
    config = house.path / "framehop.yaml"
    with RtspServer({"/cam": film}, credentials=f"ann:{password}") as server:
        _says(config, f"cam: {{source: '{server.url('/cam')}', username: ann, password: {{env: CAM_PASSWORD}}}}")
        with running(house, "ingest", "--config", config) as ingest:
            ingest.wait_for("cam", lambda status: running_with_frames(status) and status.health.fps > 0)
            health = ingest.streams()["cam"].health
            assert (health.codec, health.width, health.height) == ("h264", 160, 64)
            assert min(health.phase_since_us, health.last_frame_us, health.bytes) > 0
            ingest.change("pause", "cam")
            ingest.change("resume", "cam")
            ingest.wait_for("cam", running_with_frames)
            server.kill()
            ingest.wait_for("cam", lambda status: status.phase == "retrying" and status.health.next_try_us > 0)
            shown = house.framehop("stream", "list", *ingest.named)
            assert "next try in" in shown.stdout
            server.start()
            ingest.wait_for("cam", lambda status: status.phase == "running" and status.health.reconnects == 1)
            ingest.process.terminate()
            stdout, stderr = ingest.process.communicate(timeout=60)
            said = f"{shown}{stdout.decode()}{stderr.decode()}"
    with framehop.open_log(house.log) as log:
        assert len({meta.key.epoch for meta in log.scan_frames()}) >= 2, "a camera that was paused begins a new epoch"
    written = b"".join(path.read_bytes() for path in house.log.rglob("*") if path.is_file())
    for secret in (password, "p%40ss%3Aw%2Frd"):
        assert secret not in said
        assert secret.encode() not in written
