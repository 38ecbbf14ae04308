"""Streams that come, pause and go while a pipeline runs."""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from pathlib import Path

import pytest

import framehop
from framehop import _core
from framehop.errors import ProcessError
from framehop.pipeline.control_plane.asking import ask_status, ask_swap
from framehop.pipeline.control_plane.requests import SwapLook
from tests.cameras import RtspServer
from tests.clips import write_film
from tests.system.asked import running, running_with_frames
from tests.system.harness import House, check_ledger, pictures_of
from tests.waiting import until

LIVE = "testsrc:?size=96x64&rate=20"
FILM = "testsrc:?size=96x64&count=100"


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
    """Return what became of each frame so far: the reason, or the outcome where there is none."""
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
