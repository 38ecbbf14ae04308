"""Tests what may be wrong with the file of a film: cut, encrypted, written to while it is read, or larger than anything a camera
makes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from framehop import _core
from framehop.account import LeftOut
from framehop.errors import CorruptPictureError, SourceError
from framehop.protocols import LeavesOut, Picture, Source
from framehop.sources import SourceOptions, parse_source
from framehop.sources.announced import NO_END
from framehop.sources.boxes import boxes_in
from framehop.sources.cut_off import CUT_OFF
from framehop.sources.film import Codec
from framehop.sources.left_out import TRIMMED
from framehop.sources.units import MOST_SETS, bounded_sets
from tests.clips import encrypted, remuxed, trimmed, write_film
from tests.jpeg_films import SHADES, film_of

WAYS: list[Codec] = ["auto", "jpeg"]  # passed through where this build can, and decoded


def opened(path: Path, codec: Codec = "auto") -> Source:
    return parse_source(str(path), SourceOptions(codec=codec))


def read(source: Source) -> tuple[list[Picture], Sequence[LeftOut]]:
    pictures = list(source.pictures())
    assert isinstance(source, LeavesOut)
    return pictures, source.left_out


def cut(path: Path) -> Path:
    """Take the last third of a file away."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    return path


@pytest.mark.parametrize("codec", WAYS)
def test_the_end_that_a_film_announces_and_lacks_is_told(tmp_path: Path, codec: Codec) -> None:
    """Matroska has no index of its pictures at the beginning, but a length. FFmpeg takes a cut for the end."""
    path = cut(write_film(tmp_path / "film.mkv", 100))
    pictures, [left] = read(opened(path, codec))
    assert 10 < len(pictures) < 80
    assert (left.reason, left.count) == (NO_END, 1)
    assert left.names == (f"film.mkv, {(100 - len(pictures)) / 25:.1f} s",)


def test_the_end_that_a_film_of_jpegs_lacks_is_told(tmp_path: Path) -> None:
    path = cut(film_of(tmp_path / "film.mkv", SHADES * 12))
    pictures, [left] = read(opened(path))
    assert 10 < len(pictures) < 80
    assert left.reason == NO_END


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4", "film.ts", "film.avi", "film.flv"])
@pytest.mark.parametrize("bframes", [0, 3])
def test_a_whole_film_lacks_nothing(tmp_path: Path, name: str, bframes: int) -> None:
    pictures, left = read(opened(write_film(tmp_path / name, 50, bframes=bframes)))
    assert (len(pictures), list(left)) == (50, [])


def test_a_film_whose_sound_is_longer_lacks_nothing(tmp_path: Path) -> None:
    """Its length is that of its sound, and what there is of the video is all of it."""
    path = tmp_path / "film.mkv"
    with av.open(str(write_film(tmp_path / "film.mp4", 25))) as film, av.open(str(path), "w") as target:
        video = target.add_stream_from_template(film.streams.video[0])
        sound = target.add_stream("pcm_s16le", rate=8000)
        for packet in film.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                target.mux(packet)
        for second in range(5):
            heard = av.Packet(bytes(16000))
            heard.stream, heard.time_base = sound, Fraction(1, 8000)
            heard.pts = heard.dts = second * 8000
            heard.duration = 8000
            target.mux(heard)
    pictures, left = read(opened(path))
    assert (len(pictures), list(left)) == (25, [])


@pytest.mark.parametrize("codec", WAYS)
def test_an_encrypted_film_is_refused(tmp_path: Path, codec: Codec) -> None:
    """Its units look whole from outside, and a decoder would show noise."""
    path = encrypted(write_film(tmp_path / "film.mp4", 20), tmp_path / "sold.mp4")
    with pytest.raises(SourceError, match=r"sold\.mp4 is encrypted \(DRM\)"):
        list(opened(path, codec).pictures())


@pytest.mark.parametrize("codec", WAYS)
def test_a_film_that_is_written_to_while_it_is_read_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, codec: Codec
) -> None:
    path = write_film(tmp_path / "film.ts", 30)
    source = opened(path, codec)
    pictures = source.pictures()
    found = [next(pictures)]
    with path.open("ab") as file:
        file.write(path.read_bytes())
    found += pictures
    assert len(found) >= 30
    assert caplog.text.count("stream film: film.ts was written to while it was read") == 1
    caplog.clear()
    assert len(list(opened(path, codec).pictures())) == 60
    assert "was written to" not in caplog.text


@pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")
def test_a_unit_larger_than_any_picture_is_one_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_film(tmp_path / "film.mp4", 20)
    sizes = [len(picture.payload) for picture in read(opened(path))[0]]
    most = sorted(sizes)[-3]  # there are two key frames
    monkeypatch.setattr("framehop.sources.units.MAX_FILE_BYTES", most)
    pictures, _ = read(opened(path))
    assert len(pictures) == 20
    refused = [picture for picture in pictures if picture.error]
    assert [picture.payload for picture in refused] == [b"", b""]
    assert all(picture.error.startswith("picture_too_large: film.mp4: ") for picture in refused)
    assert max(len(picture.payload) for picture in pictures) <= most


def test_parameter_sets_without_end_are_refused() -> None:
    """They go in front of every key frame that has none, so a small picture would become as large as they are."""
    start, sps, pps, idr = b"\0\0\0\1", b"\x67", b"\x68\x11", b"\x65\x88"
    small = start + sps + b"\x11" * 100 + start + pps + start + idr
    assert bounded_sets("h264", small) == small.removesuffix(start + idr)
    with pytest.raises(CorruptPictureError, match="parameter sets have"):
        bounded_sets("h264", start + sps + b"\x11" * MOST_SETS + start + pps + start + idr)


@pytest.mark.skipif(not _core.VIDEO, reason="this build has no video decoder")
def test_a_unit_of_which_a_part_was_lost_on_the_way_is_one_that_failed(tmp_path: Path) -> None:
    """A packet of a transport stream is gone, which the numbers of the others tell; of which unit, only almost."""
    path = write_film(tmp_path / "film.ts", 20, codec="libx265")
    whole = path.read_bytes()
    parts = [whole[at : at + 188] for at in range(0, len(whole), 188)]
    inside = [
        number for number, part in enumerate(parts) if part[1:3] == b"\x01\x00"
    ]  # of the video, and begins no unit
    lost = next(
        number for number in inside if number > len(parts) // 2
    )  # of the second key frame, as others have one packet
    path.write_bytes(b"".join(parts[:lost] + parts[lost + 1 :]))
    pictures, _ = read(opened(path))
    assert len(pictures) == 20
    failed = {seq: picture.error for seq, picture in enumerate(pictures) if picture.error}
    assert failed == dict.fromkeys([9, 10], "corrupt_picture: film.ts: a part of it was lost on the way")


def in_fragments(path: Path, flags: str = "frag_keyframe+empty_moov") -> tuple[Path, list[int]]:
    """Write a film of six fragments of ten pictures, as recorders write that may lose their power; return where its boxes begin."""
    remuxed(write_film(path.with_suffix(".mov"), 60, bframes=3), path, movflags=flags)
    with path.open("rb") as file:
        return path, [
            end - size for kind, size, end in boxes_in(file, path.stat().st_size) if kind in {b"moof", b"mdat"}
        ]


@pytest.mark.parametrize("codec", WAYS)
@pytest.mark.parametrize("box", range(3, 12))
def test_a_film_of_fragments_gives_what_it_has_and_says_that_it_is_cut_off(
    tmp_path: Path, codec: Codec, box: int
) -> None:
    """FFmpeg looks through all fragments first, and refuses the film for the last one."""
    path, begins = in_fragments(tmp_path / "film.mp4")
    path.write_bytes(path.read_bytes()[: begins[box] + 40])
    source = opened(path, codec)
    pictures, left = read(source)
    whole = box // 2 * 10
    assert whole <= len(pictures) <= whole + 2 * (box % 2)
    assert not any(picture.error for picture in pictures[:whole])
    assert next(entry for entry in left if entry.reason == CUT_OFF).names == ("film.mp4",)
    assert [entry.count for entry in left if entry.reason == CUT_OFF] == [1]


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_a_film_that_is_cut_off_before_its_first_picture_is_refused_as_that(tmp_path: Path, name: str) -> None:
    path, begins = in_fragments(tmp_path / "film.mp4")
    whole = path.read_bytes()[: begins[1] - 1]  # in its first table
    if name == "film.mkv":
        whole = write_film(tmp_path / name, 20).read_bytes()
        whole = whole[: whole.index(b"\x1fC\xb6u")]  # in front of its pictures
    (tmp_path / name).write_bytes(whole)
    with pytest.raises(
        SourceError, match="its file is cut off, as when recording or copying broke off: copy it once more"
    ):
        opened(tmp_path / name)


@pytest.mark.parametrize("codec", WAYS)
@pytest.mark.parametrize("behind", [0, 4])
def test_a_film_that_ends_behind_the_table_of_a_fragment_is_told_to_be_cut_off(
    tmp_path: Path, codec: Codec, behind: int
) -> None:
    path, begins = in_fragments(tmp_path / "film.mp4")
    path.write_bytes(path.read_bytes()[: begins[5] + behind])
    pictures, left = read(opened(path, codec))
    assert (len(pictures), [(entry.reason, entry.count) for entry in left]) == (20, [(CUT_OFF, 1)])


@pytest.mark.parametrize("codec", WAYS)
@pytest.mark.parametrize("box", [1, 2, 7, 10])
def test_a_film_of_which_only_the_first_fragment_has_an_index_is_told_to_be_cut_off(
    tmp_path: Path, codec: Codec, box: int
) -> None:
    """FFmpeg writes it so with frag_keyframe alone. The index counts ten pictures, all of which came."""
    path, begins = in_fragments(tmp_path / "film.mp4", "frag_keyframe")
    whole = path.read_bytes()
    assert (read(opened(path, codec))[1], len(begins)) == ([], 11)
    path.write_bytes(whole[: begins[box] + 40])
    pictures, left = read(opened(path, codec))
    assert (box + 1) // 2 * 10 <= len(pictures) <= (box + 1) // 2 * 10 + 2
    assert [entry.count for entry in left if entry.reason == CUT_OFF] == [1]


def test_a_film_whose_sound_alone_is_cut_off_lacks_no_picture(tmp_path: Path) -> None:
    path = remuxed(write_film(tmp_path / "film.mov", 20), tmp_path / "film.mp4", movflags="faststart")
    whole = path.read_bytes()
    at = whole.index(b"mdat") - 4
    path.write_bytes(whole[:at] + (len(whole) - at + 100).to_bytes(4) + whole[at + 4 :])  # what follows its pictures
    pictures, left = read(opened(path))
    assert (len(pictures), list(left)) == (20, [])


def test_a_film_whose_fragment_is_completed_while_it_is_opened_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, begins = in_fragments(tmp_path / "film.mp4")
    whole, open_ = path.read_bytes(), av.open
    path.write_bytes(whole[: begins[4] + 40])

    def writing(url: str, **options: Any) -> av.container.InputContainer:
        try:
            container: av.container.InputContainer = open_(url, **options)
        except av.FFmpegError:
            path.write_bytes(whole[: begins[6]])
            raise
        return container

    monkeypatch.setattr(av, "open", writing)
    assert len(read(opened(path))[0]) == 30


def test_a_film_of_fragments_without_any_of_its_tables_for_seeking_lacks_nothing(tmp_path: Path) -> None:
    path, _ = in_fragments(tmp_path / "film.mp4")
    path.write_bytes(path.read_bytes()[:-40])
    pictures, left = read(opened(path))
    assert (len(pictures), list(left)) == (60, [])


def test_a_few_pictures_that_a_matroska_film_lacks_are_told_by_its_size(tmp_path: Path) -> None:
    """Its length is no proof of so few, as it is rounded."""
    path = write_film(tmp_path / "film.mkv", 100)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"\x1cS\xbbk") - 40])  # in front of its cues
    pictures, left = read(opened(path))
    assert 90 < len(pictures) < 100
    assert [(entry.reason, entry.count) for entry in left] == [(CUT_OFF, 1)]


@pytest.mark.parametrize("name", ["film.mp4", "film.mov"])
@pytest.mark.parametrize(
    ("codec", "bframes", "cut", "given"),
    [("auto", 3, 24, 40), ("auto", 0, 4, 60), ("jpeg", 3, 24, 36), ("jpeg", 0, 4, 56)],
)
def test_what_an_edit_list_cuts_away_is_not_said_to_lack(
    tmp_path: Path, name: str, codec: Codec, bframes: int, cut: int, given: int
) -> None:
    """A phone trims a film so. As it is, all goes into the log from the key frame in front of what is shown."""
    path = trimmed(write_film(tmp_path / "whole.mp4", 60, bframes=bframes), tmp_path / name, cut)
    pictures, left = read(opened(path, codec))
    assert len(pictures) == given
    assert [(entry.reason, entry.count) for entry in left] == ([(TRIMMED, 60 - given)] if given < 60 else [])
