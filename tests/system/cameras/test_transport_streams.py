"""Transport streams that change what they carry: another codec on the same way, or a video that comes on another way."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from framehop import _core
from framehop._core import read_access_unit
from framehop.account import LeftOut
from framehop.content import VIDEO
from framehop.errors import SourceAwayError, SourceError
from framehop.pipeline.ingest.ingest import ingest
from framehop.protocols import FrameLog
from framehop.sources.film import open_film
from framehop.sources.live import connection, live_video
from framehop.sources.live.turns import OUT_OF_TURN
from framehop.sources.passthrough import PassedVideo
from tests.cameras import Serve, answering, file_server, silent, tcp_server
from tests.clips import remuxed, write_film
from tests.system.cameras.following import SECOND, camera, check_epochs, epochs, following, frames, payload
from tests.waiting import until

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)

KIND = "video/mp2t"
CODECS = ["libx264", "libx265"]


def ts(folder: Path, codec: str, **options: str) -> bytes:
    """Return a transport stream of two seconds. `options`: of its format."""
    film = write_film(folder / f"{codec}.mp4", 50, codec=codec, params=SECOND)
    return remuxed(film, folder / f"{codec}.ts", **options).read_bytes()


def first_then(first: list[bytes], then: list[bytes]) -> Serve:
    """Return what sends one thing to the first client, and another one to those that come later."""
    clients = itertools.count()

    def serve(connection: socket.socket) -> None:
        parts = then if next(clients) else first
        answering(KIND, parts, then=silent)(connection)

    return serve


@pytest.mark.parametrize("order", [CODECS, CODECS[::-1]], ids=["to h265", "to h264"])
def test_another_codec_in_mid_stream_begins_an_epoch_and_no_byte_of_it_is_taken_for_the_other(
    log: FrameLog, tmp_path: Path, caplog: pytest.LogCaptureFixture, order: list[str]
) -> None:
    before, after = ts(tmp_path, order[0]), ts(tmp_path, order[1], tables_version="1")
    with (
        tcp_server(first_then([before, after], [after])) as port,
        following(log, camera(f"http://127.0.0.1:{port}/video")),
    ):
        until(lambda: len(epochs(log)) == 2 and len(epochs(log)[1]) >= 45, "both codecs", 60)
    found = epochs(log)
    check_epochs(found)
    kinds = ["video/h264", "video/h265"] if order == CODECS else ["video/h265", "video/h264"]
    assert [{meta.content_type for meta in epoch} for epoch in found] == [{kind} for kind in kinds]
    for meta in frames(log):
        assert not meta.error
        assert read_access_unit(VIDEO[meta.content_type], payload(log, meta)).keyframe == meta.keyframe
    assert f"goes on as {VIDEO[kinds[1]]} where it was {VIDEO[kinds[0]]}; next try in" in caplog.text


def changing(folder: Path) -> Path:
    film = folder / "film.ts"
    film.write_bytes(ts(folder, "libx264") + ts(folder, "libx265", tables_version="1"))
    return film


CHANGES = r"film.ts goes on as h265 where it was h264: cut it there"


def test_a_film_that_changes_its_codec_fails_and_says_where_to_cut_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=CHANGES):
        open_film(changing(tmp_path), stream="cam", codec="auto", quality=85, threads=1)


def test_so_does_one_behind_an_address(log: FrameLog, tmp_path: Path) -> None:
    changing(tmp_path)
    with file_server(tmp_path) as port:
        summary = ingest(log, [camera(f"http://127.0.0.1:{port}/film.ts")], rate="max")
    assert re.search(CHANGES, summary.errors["cam"])
    assert {meta.content_type for meta in frames(log)} == {"video/h264"}


def test_a_stream_of_which_nothing_is_a_picture_for_long_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A codec may come of which nothing is known here but that it is not the one before."""
    monkeypatch.setattr(connection, "KEYFRAME_S", 0.3)
    parts = itertools.chain([ts(tmp_path, "libx264")], itertools.repeat(ts(tmp_path, "mpeg2video", tables_version="1")))
    with tcp_server(answering(KIND, parts)) as port:
        source = camera(f"http://127.0.0.1:{port}/video", stall_s=2.0)
        with pytest.raises(SourceAwayError, match="nothing of it has been a picture for long"):
            list(source.follow(lambda: False))


def ways(folder: Path, count: int, *, step_s: float = 2.0) -> list[bytes]:
    """Return transport streams of two seconds, each with its video on another way, and so much later than the one before."""
    film = write_film(folder / "clip.mp4", 50, params=SECOND)
    parts = []
    for turn in range(count):
        with (
            av.open(str(film)) as source,
            av.open(str(folder / "part.ts"), "w", options={"mpegts_start_pid": hex(0x100 + 16 * turn)}) as target,
        ):
            video = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None and packet.time_base is not None:
                    packet.dts += (later := round(turn * step_s / packet.time_base))
                    packet.pts = (packet.pts or 0) + later
                    packet.stream = video
                    target.mux(packet)
        parts.append((folder / "part.ts").read_bytes())
    return parts


def test_a_video_that_goes_on_another_way_is_the_same_video(log: FrameLog, tmp_path: Path) -> None:
    """An encoder that is set up anew does so. FFmpeg's binding would drop what it takes for another stream, and wait for ever."""
    with (
        tcp_server(answering(KIND, ways(tmp_path, 5), then=silent)) as port,
        following(log, camera(f"http://127.0.0.1:{port}/video")),
    ):
        until(lambda: len(frames(log)) >= 5 * 49 - 1, "all pictures but the last of each way")
    [found] = epochs(log)
    check_epochs([found])
    assert [meta.key.seq for meta in found if meta.keyframe] == [0, 25, 49, 74, 98, 123, 147, 172, 196, 221]


def test_the_last_picture_of_a_way_is_left_out_once_it_is_too_late_for_it(tmp_path: Path) -> None:
    """FFmpeg gives it at the end of the stream. A decoder would take it for one that follows the last."""
    parts = ways(tmp_path, 4)
    (tmp_path / "film.ts").write_bytes(b"".join(parts))
    units = [unit.payload for unit in PassedVideo(tmp_path / "clip.mp4", stream="s").pictures()]
    with file_server(tmp_path) as port:
        source = camera(f"http://127.0.0.1:{port}/film.ts")
        pictures = list(source.follow(lambda: False))
    assert [picture.payload[-20:] for picture in pictures] == [unit[-20:] for unit in (units[:49] * 3 + units)]
    assert list(source.left_out) == [LeftOut(reason=OUT_OF_TURN, count=3)]


def test_a_playlist_whose_segments_have_their_video_on_other_ways_is_read_whole(tmp_path: Path) -> None:
    """A station that goes from a film to an advertisement and back does so."""
    parts = ways(tmp_path, 4)
    for turn, part in enumerate(parts):
        (tmp_path / f"{turn}.ts").write_bytes(part)
    segments = "#EXT-X-DISCONTINUITY\n".join(f"#EXTINF:2.0,\n{turn}.ts\n" for turn in range(4))
    (tmp_path / "live.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n{segments}#EXT-X-ENDLIST\n")
    with file_server(tmp_path) as port:
        source = camera(f"http://127.0.0.1:{port}/live.m3u8")
        pictures = list(source.follow(lambda: False))
    assert len(pictures) == 4 * 50 - 3
    assert list(source.left_out) == [LeftOut(reason=OUT_OF_TURN, count=3)]


def test_a_video_that_comes_as_another_programme_is_found_by_another_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg's binding drops what comes of streams that began later, and waits inside for what it knows."""
    monkeypatch.setattr(live_video, "SLACK_S", 4.0 - 60.0)  # what hangs is given up after four seconds
    before = ts(tmp_path, "libx264")
    after = ts(tmp_path, "libx265", mpegts_start_pid="0x200", tables_version="1", mpegts_service_id="5")
    over, clients = threading.Event(), itertools.count()

    def parts() -> Iterator[bytes]:
        yield before
        while not over.wait(0.05):
            yield after

    def serve(connection: socket.socket) -> None:
        if next(clients) == 0:
            answering(KIND, parts())(connection)
        else:
            answering(KIND, [after], then=silent)(connection)

    with contextlib.ExitStack() as stack:
        port = stack.enter_context(tcp_server(serve))
        stack.callback(over.set)  # else what hangs would read on, and the server send, as long as other tests run
        source = camera(f"http://127.0.0.1:{port}/video", open_s=20.0, stall_s=20.0)
        with pytest.raises(SourceAwayError, match="hangs"):
            list(source.follow(lambda: False))
        monkeypatch.setattr(live_video, "SLACK_S", 5.0)
        assert next(iter(source.follow(lambda: False))).content_type == "video/h265"
