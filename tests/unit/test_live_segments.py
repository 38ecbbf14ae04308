"""Playlists of servers that are slow, or mean harm."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from itertools import count, repeat
from types import SimpleNamespace

import pytest

from framehop.sources.address import Address
from framehop.sources.announced import NO_PART, Absent
from framehop.sources.live import playlists, segments
from framehop.sources.live.connecting import Connecting
from framehop.sources.live.losses import Losses
from framehop.sources.live.segments import confirmed, segments_in

URL = "http://host/live.m3u8"
HOW = Connecting(
    address=Address.parse(URL), codec="auto", quality=85, open_s=9.0, stall_s=1.0, name="cam", losses=Losses()
)
ABSENT = Absent(reason=NO_PART, seconds=1.0)


def serve(monkeypatch: pytest.MonkeyPatch, parts: Iterable[bytes]) -> None:
    """Have the playlist's server send these parts, and one byte of everything else that has an address."""

    @contextlib.contextmanager
    def open_address(url: str, **_options: object) -> Iterator[object]:
        if not url.startswith("http://host/"):
            raise ValueError("no such address")
        yield SimpleNamespace(demux=lambda: iter(parts) if url == URL else iter([b"G"]))

    monkeypatch.setattr(playlists, "open_address", open_address)


def test_a_playlist_that_comes_byte_by_byte_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, repeat(b"#EXTM3U\n"))
    asked = count()
    assert segments_in(HOW, lambda: next(asked) > 2) == []
    assert next(asked) == 4


def test_reading_that_stops_tells_of_nothing_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, [b"#EXTM3U\n#EXTINF:2,\na.ts\n#EXTINF:2,\nb.ts\n"])
    asked = count()
    assert confirmed(ABSENT, HOW, lambda: next(asked) > 2) is None


def test_reading_that_takes_too_long_goes_by_the_length(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, [b"#EXTM3U\n#EXTINF:2,\na.ts\n"])
    monkeypatch.setattr(segments, "ASK_S", 0.0)
    assert confirmed(ABSENT, HOW, lambda: False) is ABSENT


def test_a_segment_at_no_possible_address_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, [b"#EXTM3U\n#EXTINF:2,\nhttp://[a/b.ts\n#EXTINF:3,\nc.ts\n"])
    assert confirmed(ABSENT, HOW, lambda: False) == Absent(reason=NO_PART, seconds=2.0)


def test_a_length_of_many_digits_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, [b"#EXTM3U\n#EXTINF:" + b"1" * 500_000 + b"\n" + b"#\n" * 200_000])
    assert segments_in(HOW, lambda: False) == []
