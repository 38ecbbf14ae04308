"""Playlists that would take too much memory, and those that are read however they are written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from framehop.sources.live import playlists
from framehop.sources.live.playlists import begins_as_playlist, excess_of, variants_in

URL = "http://host/all.m3u8"
VARIANT = "#EXT-X-STREAM-INF:BANDWIDTH=1\n{}.m3u8\n"


def excess(text: str, **others: str) -> str:
    """Look at a playlist, and at those of this host that it names."""
    return excess_of(
        text, URL, lambda url, _most: others.get(url.removeprefix("http://host/").removesuffix(".m3u8"), "")
    )


def test_qualities_and_sounds_that_are_playlists_of_segments_are_let_through() -> None:
    sound = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="sound.m3u8"\n'
    segments = "#EXTM3U\n#EXTINF:2,\na.ts\n"
    assert not excess(
        sound + VARIANT.format("low") + VARIANT.format("high"), low=segments, high=segments, sound=segments
    )


def test_more_playlists_than_any_film_has_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playlists, "MOST_NAMED", 3)
    assert not excess(VARIANT.format("a") * 3)
    assert "more than 3 playlists" in excess(VARIANT.format("a") * 4)
    assert "more than 3 playlists" in excess("#EXT-X-MEDIA:TYPE=AUDIO\n" * 4)


@pytest.mark.parametrize("first", [VARIANT.format("low"), '#EXT-X-MEDIA:TYPE=AUDIO,URI="low.m3u8"\n'])
@pytest.mark.parametrize("further", [VARIANT.format("all"), '#EXTINF:1,\na.ts\n#EXT-X-MEDIA:URI="all.m3u8"\n'])
def test_a_named_playlist_that_names_others_is_too_much(first: str, further: str) -> None:
    assert "that name others" in excess(first, low=further)


def test_the_sum_of_all_playlists_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playlists, "MOST_BYTES", 1 << 20)
    half = "#EXTINF:1,\na.ts\n" * 35_000
    assert not excess(VARIANT.format("low"), low=half)
    assert "more than 1 MiB" in excess(VARIANT.format("low") + VARIANT.format("high"), low=half, high=half)


@pytest.mark.parametrize("line", ["#EXTINF:1,\r\na.ts\r\n", "#EXTINF:1,\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\na.ts\n"])
def test_what_is_too_much_is_so_in_bytes_however_lines_end(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """One that was read up to the limit is endless for all that is known."""
    data = f"#EXTM3U\n{line * 100}".encode()
    monkeypatch.setattr(playlists, "MOST_BYTES", len(data) // 2)

    @contextlib.contextmanager
    def open_address(_url: str, **_options: object) -> Iterator[object]:
        yield SimpleNamespace(demux=lambda: iter(data[at : at + 64] for at in range(0, len(data), 64)))

    monkeypatch.setattr(playlists, "open_address", open_address)
    text = playlists.text_at(URL, {}, lambda: False, open_s=1.0, read_s=1.0, most=playlists.MOST_BYTES)
    assert "has playlists of more than" in excess(text)


@pytest.mark.parametrize("rest", ["", "\n", "#\n"])
def test_qualities_without_an_address_are_passed_over_at_once(rest: str) -> None:
    """Reading from each of them up to the end takes minutes, in which no other camera of the process is read."""
    text = "#EXT-X-STREAM-INF:BANDWIDTH=1\n" * 200_000 + rest * 2_000_000
    assert list(variants_in(text)) == []
    assert list(variants_in(f"{text}low.m3u8")) == ["low.m3u8"]


def test_comments_may_stand_before_the_address_of_a_quality() -> None:
    text = '#EXT-X-STREAM-INF:BANDWIDTH=1\n# low\n\n  \n low.m3u8 \n#EXT-X-MEDIA:URI=a.m3u8,NAME="a"\nno.ts\n'
    assert list(variants_in(text)) == ["low.m3u8", "a.m3u8"]


def test_a_playlist_may_come_byte_by_byte() -> None:
    assert begins_as_playlist(b"#EX")
    assert begins_as_playlist(b"#EXTM3U\n#EXTINF")
    assert not begins_as_playlist(b"#EXIF")
