"""Playlists: those that have an end, those that grow, and those that pause."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from framehop import _core
from framehop.errors import SourceAwayError
from framehop.pipeline.ingest.ingest import ingest
from framehop.protocols import FrameLog
from framehop.sources.live.repeats import REPEATED
from tests.cameras import answering, file_server, redirecting, tcp_server
from tests.clips import write_film
from tests.system.cameras.following import camera, check_epochs, epochs, following, frames, payload
from tests.waiting import until

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)


def test_a_playlist_of_segments_ends_with_its_last(log: FrameLog, tmp_path: Path) -> None:
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


def test_a_playlist_is_played_where_a_server_sends_everybody_to_it(log: FrameLog, tmp_path: Path) -> None:
    """Its qualities lie beside where it is, and not beside the address that was given."""
    film = write_film(tmp_path / "clip.mp4", 20, params="keyint=10:min-keyint=10:scenecut=0")
    with av.open(str(film)) as source, av.open(str(tmp_path / "low.m3u8"), "w", format="hls") as playlist:
        video = playlist.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                playlist.mux(packet)
    (tmp_path / "all.m3u8").write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n")
    with file_server(tmp_path) as port, tcp_server(redirecting("HTTP/1.1", f"http://127.0.0.1:{port}/all.m3u8")) as to:
        summary = ingest(log, [camera(f"http://127.0.0.1:{to}/now")], rate="max")
    assert (summary.streams["cam"].finished, summary.streams["cam"].frames) == (True, 20)


def growing(folder: Path) -> Callable[[int], None]:
    """Write a film in eight segments; return what names so many of them in a playlist without an end, live.m3u8."""
    film = write_film(folder / "clip.mp4", 80, params="keyint=10:min-keyint=10:scenecut=0")
    options = {"hls_time": "0.4", "hls_list_size": "0"}
    with av.open(str(film)) as source, av.open(str(folder / "all.m3u8"), "w", format="hls", options=options) as all_:
        video = all_.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                all_.mux(packet)
    head, *segments = (folder / "all.m3u8").read_text().replace("#EXT-X-ENDLIST\n", "").split("#EXTINF")
    assert len(segments) == 8

    def publish(count: int) -> None:
        (folder / "next").write_text("#EXTINF".join([head, *segments[:count]]))
        (folder / "next").rename(folder / "live.m3u8")

    return publish


def test_a_playlist_that_grows_is_followed(log: FrameLog, tmp_path: Path) -> None:
    publish = growing(tmp_path)
    publish(3)
    with file_server(tmp_path) as port, following(log, camera(f"http://127.0.0.1:{port}/live.m3u8")):
        until(lambda: len(frames(log)) >= 25, "the first segments")
        publish(8)
        until(lambda: len(frames(log)) >= 75, "those that came later", 60)
    [found] = epochs(log)
    check_epochs([found])
    assert [meta.key.seq for meta in found if meta.keyframe] == list(range(0, len(found), 10))


def test_a_playlist_that_pauses_gives_every_picture_once(log: FrameLog, tmp_path: Path) -> None:
    """Each connection to it begins with its last segments, which came before."""
    publish = growing(tmp_path)
    publish(4)
    with file_server(tmp_path) as port:
        source = camera(f"http://127.0.0.1:{port}/live.m3u8", stall_s=1.0)
        with following(log, source):
            until(lambda: bool(source.left_out), "another connection", 60)
            publish(8)
            until(lambda: len(frames(log)) >= 69, "what came after the pause", 60)
    found = epochs(log)
    check_epochs(found)
    keys = [payload(log, meta) for meta in frames(log) if meta.keyframe]
    assert (len(keys), len(set(keys))) == (7, 7)
    [left] = source.left_out
    assert (left.reason, left.count % 10) == (REPEATED, 0)


@pytest.mark.parametrize("length", [False, True])
def test_a_playlist_that_names_playlists_without_end_is_refused(tmp_path: Path, length: bool) -> None:
    """FFmpeg would take all of them into memory."""
    text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nall.m3u8\n"
    (tmp_path / "all.m3u8").write_text(text)
    with file_server(tmp_path) as files, tcp_server(answering("text/plain", [text.encode()])) as bare:
        source = camera(f"http://127.0.0.1:{files if length else bare}/all.m3u8")
        with pytest.raises(SourceAwayError, match="names playlists that name others"):
            next(source.follow(lambda: False))
