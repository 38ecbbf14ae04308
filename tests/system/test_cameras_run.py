"""Cameras in whole pipelines: every picture that a camera sent has its own event, whatever happens to the camera."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import framehop
from framehop import _core
from framehop.config.detect_options import DetectOptions
from framehop.pipeline.streams.stream_status import StreamStatus
from tests.cameras import RtspServer, silent, tcp_server
from tests.clips import BITS, write_film
from tests.system.audited import audit
from tests.system.harness import House
from tests.system.numbered_films import number_of, plain
from tests.tiny_model import write_columns_model
from tests.waiting import until

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

PASSWORD = "p@ss:w/rd"
LEAVES_WHILE_A_CAMERA_HANGS = """
import sys, threading
from framehop.pipeline.ingest.ingest import ingest
from framehop.sources.address import Address
from framehop.sources.live.live_video import LiveVideo
from framehop.testing.memory_log import MemoryLog

stop = threading.Event()
threading.Thread(target=lambda: sys.stdin.readline() and stop.set(), daemon=True).start()
camera = LiveVideo(Address.parse(sys.argv[1]), stream="cam", open_s=10_000, stall_s=10_000)
with MemoryLog() as log:
    print(ingest(log, [camera], stop=stop).stopped)
"""


def events_of(house: House) -> dict[int, list[dict[str, Any]]]:
    """Return the camera's events by epoch, in the order of their seqs."""
    found: dict[int, list[dict[str, Any]]] = {}
    if (house.log / "index.db").exists():
        with framehop.open_log(house.log, create=False) as log, log.events() as reader:
            for record in reader:
                if record.event.stream == "cam":
                    found.setdefault(record.event.epoch, []).append(plain(record.event))
    return {epoch: sorted(found[epoch], key=lambda event: event["seq"]) for epoch in sorted(found)}


def test_every_picture_of_a_camera_that_comes_back_has_its_own_event(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    film = write_film(house.path / "clip.mp4", 1000, params="keyint=25:min-keyint=25:scenecut=0")
    model = house.path / "model"
    model.mkdir()
    monkeypatch.setenv("CAM_PASSWORD", PASSWORD)
    options = DetectOptions(model=str(write_columns_model(model, BITS)))
    with (
        RtspServer({"/cam": film}, credentials=f"ann:{PASSWORD}") as server,
        framehop.Pipeline(house.log, options=options) as pipeline,
    ):

        def camera() -> StreamStatus:
            return pipeline.status().streams["cam"]

        pipeline.add(server.url("/cam", "ann:{env:CAM_PASSWORD}"), stream="cam")
        pipeline.add("testsrc:?size=160x64", stream="gate")
        until(lambda: any(by_camera(found) > 25 for found in events_of(house).values()), "its clock", 90)
        server.kill()
        until(lambda: camera().phase == "retrying", "that the camera is away", 60)
        away = camera()
        server.start()
        until(lambda: camera().health.reconnects == 1, "that it is back", 60)
        back = camera()
    assert away.error
    assert away.health.next_try_us > away.health.phase_since_us
    assert (back.phase, back.error, back.health.codec) == ("running", "", "h264")
    assert (back.health.width, back.health.height) == (160, 64)
    assert back.source == server.url("/cam", "ann")
    for found in events_of(house).values():
        assert {event["outcome"] for event in found} == {"detected"}
        assert [event["seq"] for event in found] == list(range(len(found)))
        numbers = [number_of(event) for event in found]
        assert all(b == a + 1 for a, b in pairwise(numbers)), "an event has the boxes of another picture"
        assert by_camera(found) in {0, len(found)}
    report = audit(house)
    assert report["missing"] == report["duplicates"] == report["out_of_order"] == 0
    said = capfd.readouterr()
    assert "back after" in said.err
    check_secret(house, f"{said}{away}{back}".encode())


def by_camera(events: list[dict[str, Any]]) -> int:
    return sum(event["clock"] == "camera" for event in events)


def check_secret(house: House, said: bytes) -> None:
    """The password is in nothing that was printed, and in no file of the log."""
    files = [path for path in house.log.rglob("*") if path.is_file()]
    everything = said + b"".join(path.read_bytes() for path in files)
    assert b"ann@127.0.0.1" in everything
    assert [secret for secret in (PASSWORD, "p%40ss%3Aw%2Frd") if secret.encode() in everything] == []


def test_a_process_ends_while_a_camera_hangs(tmp_path: Path) -> None:
    with tcp_server(silent) as port:
        command = [sys.executable, "-c", LEAVES_WHILE_A_CAMERA_HANGS, f"rtsp://127.0.0.1:{port}/x"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        stdout, stderr = process.communicate(b"stop\n", timeout=120)
    assert (process.returncode, stdout, stderr) == (0, b"True\n", b"")
