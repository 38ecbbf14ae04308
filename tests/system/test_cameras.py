"""Cameras, over real connections: what they send is in the log, they come back, and a bad one touches no other."""

from __future__ import annotations

import contextlib
import logging
import socket
import subprocess
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, repeat
from pathlib import Path

import numpy as np
import pytest

from framehop import _core
from framehop._core import decode_jpeg
from framehop.errors import SourceAwayError
from framehop.ops.audit import audit
from framehop.pipeline.ingest.ingest import IngestSummary, ingest
from framehop.protocols import FrameLog, Source
from framehop.sources.address import Address
from framehop.sources.live.camera_clock import reference_us
from framehop.sources.live.live_video import LiveVideo
from framehop.sources.live.makers import TOO_EARLY
from framehop.sources.passthrough import PassedVideo
from framehop.testing.memory_log import MemoryLog
from framehop.testing.synthetic import jpeg
from framehop.types import FrameMeta
from tests.cameras import (
    RTMP_MODULE,
    RtspServer,
    answering,
    file_server,
    garbage,
    mjpeg,
    redirecting,
    rtmp_server,
    silent,
    tcp_server,
    without_tables,
)
from tests.clips import turned, write_film
from tests.unit.test_sources_jpeg_film import film_of
from tests.waiting import until

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

SECOND = "keyint=25:min-keyint=25:scenecut=0"  # groups of pictures of one second
PASSWORD = "p@ss:w/rd#1"
ESCAPED = "p%40ss%3Aw%2Frd%231"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 40 seconds."""
    return write_film(tmp_path_factory.mktemp("clips") / "clip.mp4", 1000, params=SECOND)


@pytest.fixture
def log() -> Iterator[FrameLog]:
    with MemoryLog() as opened:
        yield opened


def camera(url: str, stream: str = "cam", *, open_s: float = 20.0, stall_s: float = 20.0) -> LiveVideo:
    return LiveVideo(Address.parse(url), stream=stream, open_s=open_s, stall_s=stall_s)


@contextlib.contextmanager
def following(log: FrameLog, *sources: Source) -> Iterator[Callable[[], IngestSummary]]:
    """Ingest until the end of the block, or until what this gives is called."""
    stop, done = threading.Event(), list[IngestSummary]()
    thread = threading.Thread(target=lambda: done.append(ingest(log, sources, stop=stop)))
    thread.start()

    def end() -> IngestSummary:
        stop.set()
        thread.join(60)
        assert done, "the ingest does not end"
        return done[0]

    try:
        yield end
    finally:
        end()


def frames(log: FrameLog, stream: str = "cam") -> list[FrameMeta]:
    return sorted((meta for meta in log.scan_frames() if meta.key.stream == stream), key=lambda meta: meta.key)


def epochs(log: FrameLog, stream: str = "cam") -> list[list[FrameMeta]]:
    """Return the frames by epoch, in order."""
    found: dict[int, list[FrameMeta]] = {}
    for meta in frames(log, stream):
        found.setdefault(meta.key.epoch, []).append(meta)
    return list(found.values())


def payload(log: FrameLog, meta: FrameMeta) -> bytes:
    record = log.read_frame(meta.pointer)
    assert record is not None
    assert record.payload is not None
    return bytes(record.payload)


def check_epochs(found: Sequence[Sequence[FrameMeta]]) -> None:
    """Every epoch counts from 0 without a gap, begins with a key frame, and goes on in time."""
    for epoch in found:
        assert [meta.key.seq for meta in epoch] == list(range(len(epoch)))
        assert epoch[0].keyframe
        assert all(a.captured_us < b.captured_us for a, b in pairwise(epoch))


# ---------------------------------------------------------------- RTSP


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
    assert all(abs(step - 40_000) < 1000 for step in steps), "times of arrival are not as even as this"
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


# ---------------------------------------------------------------- HTTP


def shades(*sizes: tuple[int, int]) -> list[bytes]:
    return [jpeg(*size, shade=number % 256) for number, size in enumerate(sizes)]


def test_motion_jpeg_passes_byte_for_byte_and_a_change_of_size_begins_an_epoch(log: FrameLog) -> None:
    pictures = shades(*repeat((64, 48), 5), *repeat((32, 32), 5))
    with (
        tcp_server(mjpeg(pictures, then=silent)) as port,
        following(log, camera(f"http://127.0.0.1:{port}/video")),
    ):
        until(lambda: len(frames(log)) == 10, "ten frames")
    found = epochs(log)
    check_epochs(found)
    assert [[(meta.width, meta.height) for meta in epoch] for epoch in found] == [[(64, 48)] * 5, [(32, 32)] * 5]
    assert [payload(log, meta) for meta in frames(log)] == pictures


def test_jpegs_without_tables_get_the_standard_ones(log: FrameLog) -> None:
    pictures = shades(*repeat((320, 240), 3))
    bare = [without_tables(data) for data in pictures]
    with (
        tcp_server(mjpeg(bare, then=silent)) as port,
        following(log, camera(f"http://127.0.0.1:{port}/video")),
    ):
        until(lambda: len(frames(log)) == 3, "three frames")
    assert [payload(log, meta) for meta in frames(log)] == pictures, "libjpeg had written the standard tables"


def test_video_that_changes_its_size_in_mid_stream_begins_an_epoch(log: FrameLog, tmp_path: Path) -> None:
    parts = [ts(tmp_path / f"{width}.ts", (width, height)) for width, height in ((160, 64), (320, 128))]
    with (
        tcp_server(answering("video/mp2t", parts, then=silent)) as port,
        following(log, camera(f"http://127.0.0.1:{port}/video")),
    ):
        until(lambda: len(epochs(log)) == 2 and len(epochs(log)[1]) >= 15, "both sizes")
    found = epochs(log)
    check_epochs(found)
    assert [{(meta.width, meta.height) for meta in epoch} for epoch in found] == [{(160, 64)}, {(320, 128)}]


def test_video_that_changes_its_rate_in_mid_stream_begins_an_epoch(log: FrameLog, tmp_path: Path) -> None:
    parts = [ts(tmp_path / f"{rate}.ts", (160, 64), rate) for rate in (25, 50)]
    with tcp_server(answering("video/mp2t", parts, then=silent)) as port:
        source = camera(f"http://127.0.0.1:{port}/video")
        with following(log, source):
            until(lambda: len(epochs(log)) == 2 and len(epochs(log)[1]) >= 15, "both rates")
            assert source.facts.rate == 50
    check_epochs(epochs(log))
    assert len(epochs(log)[0]) >= 20


def ts(path: Path, size: tuple[int, int], rate: int = 25) -> bytes:
    """Return 25 pictures of H.264 of this size as a camera multiplexes them, without an end."""
    import av
    import numpy as np
    from av.video.stream import VideoStream

    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=rate)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.options = {"x264-params": "keyint=10:bframes=0", "preset": "veryfast"}
        for number in range(25):
            pixels = np.full((size[1], size[0], 3), number * 10, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


def test_a_recording_ends_with_its_end(log: FrameLog, tmp_path: Path) -> None:
    write_film(tmp_path / "clip.mp4", 20, params=SECOND)
    with file_server(tmp_path) as port:
        summary = ingest(log, [camera(f"http://127.0.0.1:{port}/clip.mp4")], rate="max")
    assert (summary.streams["cam"].finished, summary.streams["cam"].frames) == (True, 20)
    check_epochs(epochs(log))


def test_a_recording_that_breaks_off_fails(log: FrameLog, tmp_path: Path) -> None:
    whole = write_film(tmp_path / "clip.mkv", 500, params=SECOND).read_bytes()

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(
            f"HTTP/1.0 200 OK\r\nContent-Length: {len(whole)}\r\n\r\n".encode() + whole[: len(whole) // 2]
        )

    with tcp_server(serve) as port:
        summary = ingest(log, [camera(f"http://127.0.0.1:{port}/clip.mkv")], rate="max")
    assert 0 < summary.streams["cam"].frames < 500
    assert "before its end" in summary.errors["cam"]
    check_epochs(epochs(log))


@pytest.mark.parametrize("degrees", [0, 90, 180])
def test_a_recording_is_upright_as_the_same_file_is(log: FrameLog, tmp_path: Path, degrees: int) -> None:
    film = turned(write_film(tmp_path / "clip.mp4", 5, params=SECOND), degrees)
    with file_server(tmp_path) as port:
        ingest(log, [camera(f"http://127.0.0.1:{port}/clip.mp4")], rate="max")
    expected = [
        (picture.content_type, picture.width, picture.height) for picture in PassedVideo(film, stream="s").pictures()
    ]
    assert ("orientation" in expected[0][0]) == (degrees > 0)
    assert [(meta.content_type, meta.width, meta.height) for meta in frames(log)] == expected


def test_a_playlist_of_segments_ends_with_its_last(log: FrameLog, tmp_path: Path) -> None:
    import av

    film = write_film(tmp_path / "clip.mp4", 30, params="keyint=10:min-keyint=10:scenecut=0")
    with av.open(str(film)) as source, av.open(str(tmp_path / "live.m3u8"), "w", format="hls") as playlist:
        video = playlist.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                playlist.mux(packet)
    with file_server(tmp_path) as port:
        summary = ingest(log, [camera(f"http://127.0.0.1:{port}/live.m3u8")], rate="max")
    assert (summary.streams["cam"].finished, summary.streams["cam"].frames) == (True, 30)
    check_epochs(epochs(log))
    assert {meta.content_type for meta in frames(log)} == {"video/h264"}


def test_a_playlist_that_grows_is_followed(log: FrameLog, tmp_path: Path) -> None:
    import av

    film = write_film(tmp_path / "clip.mp4", 80, params="keyint=10:min-keyint=10:scenecut=0")
    options = {"hls_time": "0.4", "hls_list_size": "0"}
    with av.open(str(film)) as source, av.open(str(tmp_path / "all.m3u8"), "w", format="hls", options=options) as all_:
        video = all_.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                all_.mux(packet)
    head, *segments = (tmp_path / "all.m3u8").read_text().replace("#EXT-X-ENDLIST\n", "").split("#EXTINF")
    assert len(segments) == 8

    def publish(count: int) -> None:
        (tmp_path / "next").write_text("#EXTINF".join([head, *segments[:count]]))
        (tmp_path / "next").rename(tmp_path / "live.m3u8")

    publish(3)
    with file_server(tmp_path) as port, following(log, camera(f"http://127.0.0.1:{port}/live.m3u8")):
        until(lambda: len(frames(log)) >= 25, "the first segments")
        publish(8)
        until(lambda: len(frames(log)) >= 75, "those that came later", 60)
    [found] = epochs(log)
    check_epochs([found])
    assert [meta.key.seq for meta in found if meta.keyframe] == list(range(0, len(found), 10))


@pytest.mark.parametrize(
    "line",
    [
        "#EXTINF:1,\n{there}.ts",
        "#EXTINF:1,\nfile:{there}.ts",
        "#EXTINF:1,\nconcat:{there}.ts",
        "#EXTINF:1,\ncrypto:{there}.ts",
        "#EXTINF:1,\nsubfile,,start,0,end,0,,:{there}.ts",
        "#EXT-X-STREAM-INF:BANDWIDTH=1\nfile://{there}.m3u8",
    ],
)
def test_a_playlist_cannot_have_files_of_this_host_read(tmp_path: Path, line: str) -> None:
    served, there = tmp_path / "served", tmp_path / "there"
    served.mkdir()
    write_film(there.with_suffix(".ts"), 10)
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n{}\n#EXT-X-ENDLIST\n"
    there.with_suffix(".m3u8").write_text(playlist.format(f"#EXTINF:1,\n{there}.ts"))
    (served / "live.m3u8").write_text(playlist.format(line.format(there=there)))
    with file_server(served) as port, pytest.raises(SourceAwayError):
        next(camera(f"http://127.0.0.1:{port}/live.m3u8").follow(lambda: False))


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "RTSP/1.0"])
@pytest.mark.parametrize(
    "to", ["file:{0}", "file://{0}", "{0}", "concat:{0}", "crypto:file:{0}", "subfile,,start,0,end,0,,:{0}"]
)
def test_a_redirection_cannot_have_files_of_this_host_read(tmp_path: Path, protocol: str, to: str) -> None:
    there = write_film(tmp_path / "there.ts", 10)
    scheme = protocol[:4].lower()
    with tcp_server(redirecting(protocol, to.format(there))) as port, pytest.raises(SourceAwayError):
        next(camera(f"{scheme}://127.0.0.1:{port}/live.ts", open_s=5.0).follow(lambda: False))


def refusing(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")


def denying(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="cam"\r\n\r\n')


def test_a_wrong_password_is_said_of_http_too() -> None:
    with tcp_server(denying) as port:
        why = _why(camera(f"http://ann:s3cr3t@127.0.0.1:{port}/video"))
    assert (
        f"http://ann@127.0.0.1:{port}/video refuses the user or the password: write them as http://USER:PASSWORD@HOST"
        in why
    )
    assert "s3cr3t" not in why


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_no_word_about_a_camera_has_its_secrets(
    log: FrameLog, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], scheme: str
) -> None:
    """Whatever goes wrong: neither what is said, nor an error with all that led to it, nor what is kept with the log."""
    caplog.set_level(logging.DEBUG)
    serves = {
        "hangs": silent,
        "garbage": garbage,
        "404": refusing,
        "away": redirecting("HTTP/1.0", "http://ann:s3cr3t@no.invalid/x"),
    }
    with contextlib.ExitStack() as stack:
        at = {name: f"127.0.0.1:{stack.enter_context(tcp_server(serve))}" for name, serve in serves.items()}
        at |= {"refuses": "127.0.0.1:1", "unknown": "no.invalid"}
        urls = {name: f"{scheme}://ann:s3cr3t@{host}/live?token=t0k3n" for name, host in at.items()}
        whys = {name: _why(camera(url, open_s=1.0, stall_s=1.0)) for name, url in urls.items()}
        assert "no such host" in whys["unknown"]
        assert "Connection refused" in whys["refuses"]
        shown = list(whys.values())
        with following(log, *(camera(url, name, open_s=1.0, stall_s=1.0) for name, url in urls.items())) as end:
            until(lambda: all(f"stream {name}: " in caplog.text for name in urls), "a word about each")
            shown += [repr(end()), repr(log.ingest_accounts())]
    said = "".join([*shown, caplog.text, *capfd.readouterr()])
    assert "ann@127.0.0.1" in said
    assert [secret for secret in ("s3cr3t", "t0k3n") if secret in said] == []


def _why(source: LiveVideo) -> str:
    """Return how a connection fails, with everything that a traceback would show."""
    with pytest.raises(SourceAwayError) as failure:
        next(source.follow(lambda: False))
    return "".join(traceback.format_exception(failure.value)) + repr(source.__dict__)


def test_what_another_codec_sends_is_encoded_to_jpeg(
    log: FrameLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_film(tmp_path / "clip.mkv", 20, codec="libvpx-vp9")
    with file_server(tmp_path) as port:
        summary = ingest(log, [camera(f"http://127.0.0.1:{port}/clip.mkv")], rate="max")
    assert summary.streams["cam"].frames == 20
    assert {meta.content_type for meta in frames(log)} == {"image/jpeg"}
    assert caplog.text.count("it sends vp9, which is decoded and encoded to JPEG here") == 1


def test_what_cannot_be_copied_fails_where_a_copy_is_asked_for(log: FrameLog, tmp_path: Path) -> None:
    write_film(tmp_path / "clip.mkv", 20, codec="libvpx-vp9")
    with file_server(tmp_path) as port:
        url = f"http://127.0.0.1:{port}/clip.mkv"
        summary = ingest(log, [LiveVideo(Address.parse(url), stream="cam", codec="copy")], rate="max")
    assert summary.errors == {
        "cam": f"{url} cannot go into the log as it is: it sends vp9, not H.264, H.265 or Motion JPEG; use --codec auto"
    }
    assert frames(log) == []


def test_an_audit_of_what_cameras_sent_is_clean(clip: Path) -> None:
    with MemoryLog() as log, RtspServer({"/cam": clip}) as server:
        with following(log, camera(server.url("/cam"))):
            until(lambda: len(epochs(log)) == 2, "two epochs")
        report = audit(log, rows_only=True)
    assert (report.missing, report.out_of_order, report.lost) == (report.frames, 0, 0), "only events are missing"
    assert [left.reason for account in report.sources for left in account.left_out] in ([], [TOO_EARLY])
