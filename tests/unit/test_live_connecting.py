"""Questions that a camera refuses, and what it is asked then."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
from av.error import ArgumentError, HTTPBadRequestError, HTTPOtherClientError

from framehop import timing
from framehop.errors import SourceAwayError
from framehop.sources.address import Address
from framehop.sources.live import connecting, playlists
from framehop.sources.live.connecting import Connecting
from framehop.sources.live.losses import Losses
from framehop.testing.clock import ManualClock

CAM = Address.parse("rtsp://host/sound")


@pytest.mark.parametrize("refusal", [HTTPBadRequestError, HTTPOtherClientError])
def test_a_camera_that_refuses_its_video_alone_is_asked_for_everything(
    monkeypatch: pytest.MonkeyPatch, refusal: type[HTTPBadRequestError | HTTPOtherClientError]
) -> None:
    """One without video does so, and servers have several words for it."""
    asked = list[bool]()

    def open_address(_url: str, *, options: dict[str, str], **_times: object) -> object:
        asked.append("allowed_media_types" in options)
        if asked[-1]:
            raise refusal(1, "refused")
        return SimpleNamespace()

    monkeypatch.setattr(connecting, "open_address", open_address)
    connecting.opened(
        Connecting(address=CAM, codec="auto", quality=85, open_s=9.0, stall_s=1.0, name=CAM.shown, losses=Losses())
    )
    assert asked == [True, False]


@pytest.mark.parametrize("address", ["rtsp://host/sound", "/dev/video0"])
def test_all_tries_share_one_deadline(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """A camera that answers late each time must be told as away as soon as one that does not answer."""
    now_s, given_s = [0.0], list[float]()
    monkeypatch.setattr(timing, "time", SimpleNamespace(monotonic=lambda: now_s[0]))

    def open_address(_url: str, *, open_s: float, **_others: object) -> object:
        given_s.append(open_s)
        now_s[0] += 6.0
        raise HTTPBadRequestError(1, "refused")

    monkeypatch.setattr(connecting, "open_address", open_address)
    how = Connecting(
        address=Address.parse(address), codec="auto", quality=85, open_s=9.0, stall_s=1.0, name="cam", losses=Losses()
    )
    with pytest.raises(SourceAwayError, match="has not answered within 9 s"):
        connecting.opened(how)
    assert given_s == [9.0, 3.0]


PLAYLIST = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\nhigh.m3u8\n"


class PlaylistServer:
    """Stands in for FFmpeg on a playlist that names two others. Each answer takes `answer_s`. `opened_s`: what FFmpeg had for those
    of the playlist's own format."""

    def __init__(self, answer_s: float) -> None:
        self.clock = ManualClock()
        self.answer_s = answer_s
        self.opened_s = list[float]()

    def open_address(self, url: str, *, options: dict[str, str], open_s: float, **_others: object) -> object:
        self.clock.advance(self.answer_s)
        if options["format_whitelist"] == "data":
            texts = [PLAYLIST] if url.endswith("all.m3u8") else [b"#EXTM3U\n"]
            return contextlib.nullcontext(SimpleNamespace(demux=lambda: iter(texts)))
        if not options["format_whitelist"].endswith(",hls"):
            raise ArgumentError(22, "not one of these formats")
        self.opened_s.append(open_s)
        return SimpleNamespace()

    def connect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(timing, "time", self.clock)
        for module in (connecting, playlists):
            monkeypatch.setattr(module, "open_address", self.open_address)
        address = Address.parse("http://host/all.m3u8")
        connecting.opened(
            Connecting(address=address, codec="auto", quality=85, open_s=9.0, stall_s=1.0, name="cam", losses=Losses())
        )


def test_a_playlist_that_was_read_has_its_whole_time_to_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg asks for each quality again: what it just opens in time must not be away because it was looked at before."""
    server = PlaylistServer(2.0)
    server.connect(monkeypatch)
    assert server.opened_s == [9.0]


def test_a_playlist_that_was_not_read_as_a_whole_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    server = PlaylistServer(4.0)
    with pytest.raises(SourceAwayError, match="has not answered within 9 s"):
        server.connect(monkeypatch)
    assert server.opened_s == []
