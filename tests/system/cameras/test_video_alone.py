"""A camera is asked only for the video that goes into the log: neither for sound nor for the other qualities of a playlist."""

from __future__ import annotations

import http.server
import threading
from collections import Counter
from pathlib import Path

import pytest

from framehop import _core
from framehop.protocols import FrameLog
from tests.cameras import RtspServer, overheard, tcp_server
from tests.clips import playlist, write_film
from tests.system.cameras.following import SECOND, camera, check_epochs, epochs, following, frames
from tests.waiting import until

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)


def test_a_camera_is_not_asked_for_its_sound(log: FrameLog, clip: Path) -> None:
    """It has more packets than the pictures, and each costs ingest some work."""
    asked: list[bytes] = []
    with (
        RtspServer({"/cam": clip}, sound=True) as server,
        tcp_server(overheard(server.port, asked)) as port,
        following(log, camera(f"rtsp://127.0.0.1:{port}/cam")),
    ):
        until(lambda: len(frames(log)) > 20, "frames")
    said = b"".join(asked)
    assert said.count(b"SETUP rtsp:") == said.count(b"DESCRIBE rtsp:"), "one in each connection"
    check_epochs(epochs(log))


def test_of_a_playlist_with_several_qualities_the_first_one_is_fetched(tmp_path: Path) -> None:
    film = write_film(tmp_path / "clip.mp4", 250, params=SECOND)
    lines = ["#EXTM3U"]
    for quality in ("low", "high"):
        (tmp_path / quality).mkdir()
        playlist(film, tmp_path / quality)
        lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={100 + len(lines)}000", f"{quality}/live.m3u8"]
    (tmp_path / "all.m3u8").write_text("\n".join(lines))
    fetched: Counter[str] = Counter()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *_args: object) -> None:
            fetched[self.path.split("/")[1]] += 1

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        source = camera(f"http://127.0.0.1:{server.server_address[1]}/all.m3u8")
        try:
            pictures = list(source.follow(lambda: False))
        finally:
            server.shutdown()
            thread.join()
    assert (len(pictures), list(source.left_out)) == (250, [])
    assert fetched["low"] == 12, "ten segments, and their playlist before FFmpeg gets it too"
    assert fetched["high"] <= 4, "its beginning is looked at"
