"""Cameras by RTSP and RTMP, over real connections: what they send is in the log, they come back, and a bad one touches no other."""

from __future__ import annotations

import logging
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from framehop import _core
from framehop._core import decode_jpeg
from framehop.ops.audit import audit
from framehop.protocols import FrameLog
from framehop.sources.live.camera_clock import reference_us
from framehop.sources.live.makers import TOO_EARLY
from framehop.sources.live.reader import AT_STOP
from framehop.sources.passthrough import PassedVideo
from framehop.testing.memory_log import MemoryLog
from framehop.testing.synthetic import jpeg
from tests.cameras import (
    RTMP_MODULE,
    RtspServer,
    garbage,
    rtmp_server,
    silent,
    tcp_server,
)
from tests.clips import write_film
from tests.jpeg_films import film_of
from tests.system.cameras.following import SECOND, camera, check_epochs, epochs, following, frames, payload
from tests.waiting import until

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

PASSWORD = "p@ss:w/rd#1"
ESCAPED = "p%40ss%3Aw%2Frd%231"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_an_rtsp_cameras_pictures_pass_through_with_its_clock(log: FrameLog, clip: Path, transport: str) -> None:
    with RtspServer({"/cam": clip}) as server, following(log, camera(server.url(f"/cam?transport={transport}"))) as end:
        until(lambda: any(meta.clock == "camera" for meta in frames(log)), "the camera's clock")
        until(lambda: len(epochs(log)[-1]) > 30, "a group of pictures by the camera's clock")
        summary = end()
    found = epochs(log)
    check_epochs(found)
    assert [{meta.clock for meta in epoch} for epoch in found] == [{"ingest"}, {"camera"}]
    whole = {picture.payload for picture in PassedVideo(clip, stream="cam").pictures()}
    sent = [
        payload(log, meta) for meta in frames(log) if not meta.keyframe
    ]  # key frames get parameter sets on their way
    assert [unit for unit in sent if unit not in whole] == []
    assert {(meta.width, meta.height, meta.content_type) for meta in frames(log)} == {(160, 64, "video/h264")}
    assert all(0 <= meta.received_us - meta.captured_us < 10_000_000 for meta in found[1])
    steps = [b.captured_us - a.captured_us for a, b in pairwise(found[1])]
    uneven = [step for step in steps if abs(step - 40_000) >= 1000]  # a report every few seconds may set the clock anew
    assert len(uneven) <= len(steps) // 30, "times of arrival are not as even as this"
    assert summary.streams["cam"].error == ""


def test_a_server_that_is_started_again_begins_a_new_epoch(
    log: FrameLog, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with RtspServer({"/cam": clip}) as server, following(log, camera(server.url("/cam"))) as end:
        until(lambda: frames(log), "the first frame")
        server.kill()
        until(lambda: "next try in" in caplog.text, "that it is away")
        before = len(epochs(log))
        server.start()
        until(lambda: len(epochs(log)) > before, "an epoch after the restart", 60)
        end()
    check_epochs(epochs(log))
    assert caplog.text.count("stream cam: back after") == 1
    assert [account.ended for account in log.ingest_accounts()][-1] == "stopped"


def test_a_camera_that_is_set_to_another_codec_begins_a_new_epoch_with_it(
    log: FrameLog, clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = write_film(tmp_path / "clip.h265.mp4", 200, codec="libx265", params="keyint=10:min-keyint=10:scenecut=0")
    with RtspServer({"/cam": clip}) as server, following(log, camera(server.url("/cam"))) as end:
        until(lambda: frames(log), "the first frame")
        server.kill()
        until(lambda: "next try in" in caplog.text, "that it is away")
        server.clips["/cam"] = other
        server.start()
        until(lambda: frames(log)[-1].content_type == "video/h265", "a frame of the other codec", 60)
        end()
    check_epochs(epochs(log))
    kinds = [{meta.content_type for meta in epoch} for epoch in epochs(log)]
    assert [kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind != before] == [
        {"video/h264"},
        {"video/h265"},
    ]


def test_a_camera_whose_clock_is_years_off_is_told_and_its_times_are_ours(
    log: FrameLog, clip: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own clock is ahead, by which it tells the time in its sender reports."""

    def ahead(side_data: bytes) -> int | None:
        found = reference_us(side_data)
        return None if found is None else found + 400 * 86_400_000_000

    monkeypatch.setattr("framehop.sources.live.connection.reference_us", ahead)
    with RtspServer({"/cam": clip}) as server:
        source = camera(server.url("/cam"))
        with following(log, source) as end:
            until(lambda: source.facts.doubt == "is 400 days ahead", "that its clock is not believed", 60)
            before = len(frames(log))
            until(lambda: len(frames(log)) > before + 50, "two groups of pictures more")
            end()
    assert caplog.text.count("the camera's clock is 400 days ahead; capture times are those of this host") == 1
    [found] = epochs(log)
    check_epochs([found])
    assert {meta.clock for meta in found} == {"ingest"}
    assert all(abs(meta.received_us - meta.captured_us) < 60_000_000 for meta in found)


def test_a_server_that_hangs_has_broken_off(log: FrameLog, clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        RtspServer({"/cam": clip}) as server,
        following(log, camera(server.url("/cam"), open_s=10.0, stall_s=2.0)) as end,
    ):
        until(lambda: frames(log), "the first frame")
        server.freeze()
        until(lambda: "has sent no picture for 2 s" in caplog.text, "that it hangs")
        before = len(epochs(log))
        server.thaw()
        until(lambda: len(epochs(log)) > before, "an epoch afterwards", 60)
        end()
    check_epochs(epochs(log))


def test_a_wrong_password_is_said_and_never_shown(log: FrameLog, clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with RtspServer({"/cam": clip}, credentials=f"ann:{PASSWORD}") as server:
        with following(log, camera(server.url("/cam", "ann:wrong-secret"))) as end:
            until(lambda: "refuses the user or the password" in caplog.text, "the refusal")
            summary = end()
        with following(log, camera(server.url("/cam", f"ann:{ESCAPED}"), "right")):
            until(lambda: frames(log, "right"), "a frame with the right password")
    assert frames(log) == []
    shown = caplog.text + repr(summary) + repr(log.ingest_accounts())
    assert "ann@127.0.0.1" in shown
    assert [secret for secret in ("wrong-secret", PASSWORD, ESCAPED) if secret in shown] == []


def test_a_camera_behind_tls(log: FrameLog, clip: Path, tmp_path: Path) -> None:
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=cam",
        "-keyout",
        "key",
        "-out",
        "cert",
    ]
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_bytes((tmp_path / "cert").read_bytes() + (tmp_path / "key").read_bytes())
    with (
        RtspServer({"/cam": clip}, credentials="ann:secret", certificate=both) as server,
        following(log, camera(server.url("/cam", "ann:secret"))),
    ):
        until(lambda: len(frames(log)) > 20, "frames")
    check_epochs(epochs(log))


@pytest.mark.skipif(
    not RTMP_MODULE.exists(), reason="it needs nginx with libnginx-mod-rtmp, which would start a web server"
)
def test_a_camera_by_rtmp(log: FrameLog, tmp_path: Path) -> None:
    film = write_film(tmp_path / "clip.mp4", 500, params=SECOND, bframes=2)
    with rtmp_server(film) as url, following(log, camera(url)):
        until(lambda: len(frames(log)) > 50, "frames")
    [found, *_] = epochs(log)
    whole = [picture.payload for picture in PassedVideo(film, stream="cam").pictures()]
    assert [payload(log, meta) for meta in found] == whole[: len(found)]
    assert {(meta.width, meta.height, meta.content_type) for meta in found} == {(160, 64, "video/h264")}


def test_h265_passes_through(log: FrameLog, tmp_path: Path) -> None:
    film = write_film(tmp_path / "clip.h265.mp4", 200, codec="libx265", params="keyint=10:min-keyint=10:scenecut=0")
    with RtspServer({"/cam": film}) as server, following(log, camera(server.url("/cam"))):
        until(lambda: len(frames(log)) > 20, "frames")
    check_epochs(epochs(log))
    assert {meta.content_type for meta in frames(log)} == {"video/h265"}


def test_motion_jpeg_by_rtsp_passes_through(log: FrameLog, tmp_path: Path) -> None:
    """Its headers are made anew on the way (RFC 2435); its pictures are what they were."""
    jpegs = [jpeg(64, 48, shade=20 * number) for number in range(10)]
    film = film_of(tmp_path / "clip.avi", jpegs * 20)
    with RtspServer({"/cam": film}) as server, following(log, camera(server.url("/cam"))):
        until(lambda: len(frames(log)) > 20, "frames")
    found = frames(log)
    check_epochs(epochs(log))
    assert {(meta.content_type, meta.width, meta.height) for meta in found} == {("image/jpeg", 64, 48)}
    pictures = [decode_jpeg(picture) for picture in jpegs]
    shown = [decode_jpeg(payload(log, meta)) for meta in found[:15]]
    assert all(any(np.array_equal(pixels, picture) for picture in pictures) for pixels in shown)


def test_another_clock_waits_for_a_key_frame_that_needs_nothing_before_it(log: FrameLog, tmp_path: Path) -> None:
    """Open groups have no such key frame: a new epoch would lack the pictures that lead its key frame on the screen."""
    params = "keyint=10:min-keyint=10:scenecut=0:open-gop=1"
    film = write_film(tmp_path / "clip.mp4", 1000, params=params, bframes=2)
    with RtspServer({"/cam": film}) as server, following(log, camera(server.url("/cam"))):
        until(lambda: len(frames(log)) > 125, "five seconds, in which it has told its clock")
    [found] = epochs(log)
    assert {meta.clock for meta in found} == {"ingest"}
    assert sum(meta.keyframe for meta in found) > 10
    assert any(a.captured_us > b.captured_us for a, b in pairwise(found))


def test_among_eight_cameras_bad_ones_touch_no_other(
    log: FrameLog, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = [f"cam-{number}" for number in range(5)]
    with (
        RtspServer({f"/{name}": clip for name in good}) as server,
        tcp_server(silent) as hanging,
        tcp_server(garbage) as broken,
    ):
        sources = [camera(server.url(f"/{name}"), name) for name in good]
        sources += [
            camera(f"rtsp://127.0.0.1:{port}/x", name, open_s=600.0)
            for name, port in {"hangs": hanging, "garbage": broken, "refuses": 1}.items()
        ]
        with following(log, *sources) as end:
            until(lambda: all(len(frames(log, name)) > 50 for name in good), "frames of all good ones", 60)
            until(
                lambda: all(f"stream {name}: " in caplog.text for name in ("garbage", "refuses")),
                "a word about the bad ones",
            )
            summary = end()
    for name in good:
        check_epochs(epochs(log, name))
    assert "stream hangs" not in caplog.text, "its own deadline is far, and no other has waited for it"
    assert [summary.streams[name].frames for name in ("hangs", "garbage", "refuses")] == [0, 0, 0]
    assert not summary.errors


def test_an_audit_of_what_cameras_sent_is_clean(clip: Path) -> None:
    with MemoryLog() as log, RtspServer({"/cam": clip}) as server:
        with following(log, camera(server.url("/cam"))):
            until(lambda: len(epochs(log)) == 2, "two epochs")
        report = audit(log, rows_only=True)
    assert (report.missing, report.out_of_order, report.lost) == (report.frames, 0, 0), "only events are missing"
    assert {left.reason for account in report.sources for left in account.left_out} <= {TOO_EARLY, AT_STOP}
