"""Cameras, recordings and playlists by HTTP, over real connections, and what no word about any camera may have."""

from __future__ import annotations

import contextlib
import logging
import socket
import traceback
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest

from framehop import _core
from framehop.errors import SourceAwayError
from framehop.pipeline.ingest.ingest import ingest
from framehop.protocols import FrameLog
from framehop.sources.address import Address, without_secrets
from framehop.sources.live.live_video import LiveVideo
from framehop.sources.passthrough import PassedVideo
from framehop.testing.synthetic import jpeg
from tests.cameras import (
    answering,
    file_server,
    garbage,
    mjpeg,
    redirecting,
    silent,
    tcp_server,
    without_tables,
)
from tests.clips import turned, write_film
from tests.system.cameras.following import SECOND, camera, check_epochs, epochs, following, frames, payload
from tests.waiting import until

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)


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


def test_a_film_that_its_server_cannot_send_in_parts_says_what_to_do(log: FrameLog, tmp_path: Path) -> None:
    """Its index lies behind its pictures, so whoever reads it has to go back, which `file_server` does not allow."""
    film = write_film(tmp_path / "clip.mp4", 20)
    pictures, moov, index = film.read_bytes().partition(b"moov")
    apart = (1 << 20).to_bytes(4) + b"free" + bytes((1 << 20) - 8)  # more than FFmpeg keeps to go back in
    film.write_bytes(pictures[:-4] + apart + pictures[-4:] + moov + index)
    with file_server(tmp_path) as port:
        summary = ingest(log, [camera(f"http://127.0.0.1:{port}/clip.mp4")], rate="max")
    assert summary.streams["cam"].frames == 0
    assert "(Range)" in summary.errors["cam"]
    assert "+faststart" in summary.errors["cam"]


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
    assert f"http://ann@127.0.0.1:{port}/video refuses the user or the password" in why
    assert "as USER:PASSWORD@HOST" in without_secrets(why), (
        "the summary hides passwords once more, and keeps the advice"
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
