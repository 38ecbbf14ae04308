"""Films behind an address that lack a part of what they announce: what is missing is counted, as of a film in a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import av
import pytest

from framehop import _core
from framehop.account import LeftOut
from framehop.protocols import Picture
from framehop.sources.announced import NO_END, NO_PART
from framehop.sources.film import Codec
from framehop.sources.left_out import ABSENT, TRIMMED
from framehop.sources.live.segments import segments_in
from tests.cameras import file_server
from tests.clips import playlist, remuxed, trimmed, write_film
from tests.system.cameras.following import SECOND, camera

if not _core.VIDEO:
    pytest.skip("this build has no video decoder", allow_module_level=True)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds with a key frame each second."""
    return write_film(tmp_path_factory.mktemp("films") / "clip.mp4", 250, params=SECOND)


def read(folder: Path, name: str, codec: Codec = "auto") -> tuple[list[Picture], Sequence[LeftOut], str]:
    """Read a film to its end by HTTP; return its pictures, what was left out, and its address."""
    with file_server(folder) as port:
        source = camera(f"http://127.0.0.1:{port}/{name}", codec=codec)
        return list(source.follow(lambda: False)), source.left_out, source.uri


@pytest.mark.parametrize("lost", [[], [0], [4], [9], [2, 3, 7]], ids=str)
def test_the_segments_that_a_playlist_announces_and_lacks_are_told(tmp_path: Path, film: Path, lost: list[int]) -> None:
    segments = playlist(film, tmp_path)
    for number in lost:
        segments[number].unlink()
    pictures, left, uri = read(tmp_path, "live.m3u8")
    assert len(pictures) == 250 - 25 * len(lost)
    names = (f"{uri}, {len(lost):.1f} s",)
    assert list(left) == ([LeftOut(reason=NO_PART, count=1, names=names)] if lost else [])


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of five segments of 1.76 s."""
    params = "keyint=44:min-keyint=44:scenecut=0"
    return write_film(tmp_path_factory.mktemp("films") / "uneven.mp4", 5 * 44, params=params)


@pytest.mark.parametrize("lost", [[], [0], [2], [4], [1, 3]], ids=str)
@pytest.mark.parametrize("name", ["live.m3u8", "several.m3u8"])
def test_lengths_in_whole_seconds_hide_no_segment_and_make_none_up(
    tmp_path: Path, uneven: Path, lost: list[int], name: str
) -> None:
    segments = playlist(uneven, tmp_path)
    rounded = re.sub(r"#EXTINF:[0-9.]+", "#EXTINF:2", (tmp_path / "live.m3u8").read_text())
    (tmp_path / "live.m3u8").write_bytes(rounded.replace("\n", "\r\n").encode())
    (tmp_path / "several.m3u8").write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=90000\nlive.m3u8\n")
    for number in lost:
        segments[number].unlink()
    pictures, left, uri = read(tmp_path, name)
    assert len(pictures) == 44 * (5 - len(lost))
    names = (f"{uri}, {2 * len(lost):.1f} s",)
    assert list(left) == ([LeftOut(reason=NO_PART, count=1, names=names)] if lost else [])


def test_a_long_playlist_that_names_nothing_is_read_at_once(tmp_path: Path) -> None:
    """Each of its lines must not be compared with all that follow."""
    (tmp_path / "live.m3u8").write_text("#EXTM3U\n" + "#EXTINF:2,\n" * 90_000)
    with file_server(tmp_path) as port:
        source = camera(f"http://127.0.0.1:{port}/live.m3u8")
        assert segments_in(source._how, lambda: False) == []


def test_a_playlist_of_pictures_that_are_seconds_apart_lacks_nothing(tmp_path: Path, film: Path) -> None:
    """A camera that only sends what moves does so."""
    slow = tmp_path / "slow.mp4"
    with av.open(str(film)) as source, av.open(str(slow), "w") as target:
        video = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.dts, packet.pts = packet.dts * 50, (packet.pts or 0) * 50
                packet.duration = (packet.duration or 0) * 50
                packet.stream = video
                target.mux(packet)
    playlist(slow, tmp_path)
    pictures, left, _ = read(tmp_path, "live.m3u8")
    assert (len(pictures), list(left)) == (250, [])


def test_the_end_that_a_matroska_announces_and_lacks_is_told(tmp_path: Path, film: Path) -> None:
    whole = remuxed(film, tmp_path / "clip.mkv").read_bytes()
    (tmp_path / "clip.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    pictures, left, uri = read(tmp_path, "clip.mkv")
    assert 25 < len(pictures) < 240
    assert list(left) == [LeftOut(reason=NO_END, count=1, names=(f"{uri}, {(250 - len(pictures)) / 25:.1f} s",))]


def test_the_pictures_that_an_mp4_announces_and_lacks_are_told(tmp_path: Path, film: Path) -> None:
    whole = remuxed(film, tmp_path / "clip.mp4", movflags="faststart").read_bytes()
    (tmp_path / "clip.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    pictures, left, uri = read(tmp_path, "clip.mp4")
    assert 25 < len(pictures) < 240
    assert list(left) == [LeftOut(reason=ABSENT, count=250 - len(pictures), names=(uri,))]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.flv"])
@pytest.mark.parametrize("bframes", [0, 3])
def test_a_whole_film_lacks_nothing(tmp_path: Path, name: str, bframes: int) -> None:
    write_film(tmp_path / name, 50, bframes=bframes)
    pictures, left, _ = read(tmp_path, name)
    assert (len(pictures), list(left)) == (50, [])


@pytest.mark.parametrize(("codec", "given"), [("auto", 40), ("jpeg", 36)])
def test_what_an_edit_list_cuts_away_is_not_said_to_lack(tmp_path: Path, codec: Codec, given: int) -> None:
    trimmed(write_film(tmp_path / "whole.mp4", 60, bframes=3), tmp_path / "film.mp4", 24)
    pictures, left, uri = read(tmp_path, "film.mp4", codec)
    assert len(pictures) == given
    assert list(left) == [LeftOut(reason=TRIMMED, count=60 - given, names=(uri,))]
