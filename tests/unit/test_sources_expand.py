"""Tests of one name that stands for several sources: folders with videos in them, and patterns."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from framehop.errors import ConfigError, SourceError
from framehop.sources import SourceSpec, expand, open_specs, parse_source
from framehop.sources.expand import MAX_SOURCES

CASES = Path(__file__).resolve().parents[1] / "cases"
FILM = CASES / "display_matrix_hflip.mp4"
FRAMES = 10
PICTURE = CASES / "upright.jpg"


@pytest.fixture
def place(tmp_path: Path) -> Callable[..., Path]:
    """Makes files in a folder: videos, pictures and others, by their suffix."""

    def make(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            kinds = {".mp4": FILM, ".mkv": FILM, ".jpg": PICTURE, ".png": CASES / "gray8.png"}
            if kind := kinds.get(path.suffix):
                shutil.copy(kind, path)
            else:
                path.write_text("words")
        return tmp_path

    return make


def streams(*texts: str | Path) -> list[str]:
    return [spec.stream for spec in expand(map(str, texts))]


def test_a_folder_of_pictures_is_one_source(place: Callable[..., Path]) -> None:
    folder = place("yard/a.jpg", "yard/b.png", "yard/notes.txt") / "yard"
    assert expand([str(folder)]) == [SourceSpec(source=str(folder), stream="yard")]


def test_of_a_mixed_folder_the_pictures_are_one_source_and_each_video_another(place: Callable[..., Path]) -> None:
    folder = place("yard/a.jpg", "yard/north.mp4", "yard/south.mp4", "yard/notes.txt") / "yard"
    assert streams(folder) == ["yard", "north", "south"]
    opened = open_specs(expand([str(folder)]))
    assert opened.failures == {}
    assert [len(list(source.pictures())) for source in opened.sources] == [1, FRAMES, FRAMES]


def test_a_video_of_a_folder_that_cannot_be_read_is_told(place: Callable[..., Path]) -> None:
    """It would be missed, as a picture would."""
    folder = place("a.mp4", "b.jpg", "folder.mp4/c.jpg")
    (folder / "gone.mp4").symlink_to(folder / "nowhere.mp4")
    opened = open_specs(expand([str(folder)]))
    assert [source.stream for source in opened.sources] == [folder.name, "a"]
    assert list(opened.failures) == ["gone"]
    assert "no such file" in opened.failures["gone"]


def test_a_list_mixes_whatever_a_command_takes_and_its_paths_begin_beside_it(place: Callable[..., Path]) -> None:
    root = place(
        "site/yard/a.jpg", "site/yard/north.mp4", "site/clips/b.mp4", "site/clips/c.mp4", "site/own.mp4", "site/p.png"
    )
    lines = ["yard", "clips/*.mp4", "film=own.mp4", "door=pan:p.png?count=3", "rtsp://cam/1", "testsrc:?count=2"]
    (root / "site" / "all.streams").write_text("\n".join(lines))
    found = expand([str(root / "site" / "all.streams"), str(root / "site" / "yard" / "a.jpg")])
    names = ["yard", "north", "b", "c", "film", "door", "cam-1", "testsrc", "a"]
    assert [spec.stream for spec in found] == names
    opened = open_specs([spec for spec in found if not spec.is_live])
    assert opened.failures == {}
    assert [len(list(source.pictures())) for source in opened.sources] == [1, *[FRAMES] * 4, 3, 2, 1]


LINES = (
    "# all cameras\r\n\r\n  gate = rtsp://ann:s3cr3t@cam/1  # by the road\r\n\tdoor=rtsp://cam/2#x\r\nrtsp://cam/3?a=b\r\n"
    "yard = /dev/video7 # USB\r\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_may_have_been_written_on_windows(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "all.streams").write_bytes(LINES.encode(encoding))
    found = [(spec.stream, spec.source) for spec in expand([str(tmp_path / "all.streams")])]
    assert found == [
        ("gate", "rtsp://ann:s3cr3t@cam/1"),
        ("door", "rtsp://cam/2#x"),
        ("cam-3-a-b", "rtsp://cam/3?a=b"),
        ("yard", "/dev/video7"),
    ]


def test_what_an_address_asks_for_is_no_file_beside_the_list(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("")
    (tmp_path / "all.streams").write_text("rtsp://cam/video?channel=1  # the first one")
    assert [spec.source for spec in expand([str(tmp_path / "all.streams")])] == ["rtsp://cam/video?channel=1"]


@pytest.mark.parametrize(
    "line", ["my gate=rtsp://ann:s3cr3t@cam/1", '"rtsp://ann:s3cr3t@cam/1"', "x rtsp://ann:s3cr3t@cam"]
)
def test_a_line_that_is_no_source_is_shown_without_its_password(tmp_path: Path, line: str) -> None:
    (tmp_path / "all.streams").write_text(line)
    [spec] = expand([str(tmp_path / "all.streams")])
    with pytest.raises(SourceError, match="ann@cam") as failure:
        spec.open()
    assert "s3cr3t" not in str(failure.value) + spec.stream + spec.shown


def test_a_name_before_a_folder_of_videos_is_the_first_part_of_theirs(place: Callable[..., Path]) -> None:
    folder = place("yard/a.jpg", "yard/north.mp4") / "yard"
    assert streams(f"gate={folder}") == ["gate", "gate-north"]


def test_videos_that_differ_in_their_suffix_alone_keep_it(place: Callable[..., Path]) -> None:
    folder = place("yard/north.mp4", "yard/north.mkv") / "yard"
    assert streams(folder) == ["north.mkv", "north.mp4"]


def test_a_pattern_names_videos_and_of_each_folder_the_pictures(place: Callable[..., Path]) -> None:
    root = place("clips/a.mp4", "clips/b.mp4", "east/1.jpg", "east/2.jpg", "east/skip.png", "west/3.jpg")
    assert streams(root / "clips" / "*.mp4") == ["a", "b"]
    opened = open_specs(expand([str(root / "*" / "*.jpg")]))
    assert [(source.stream, len(list(source.pictures()))) for source in opened.sources] == [("east", 2), ("west", 1)]


def test_a_pattern_says_what_it_leaves_out(place: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    root = place("yard/a.mp4", "yard/notes.txt")
    with caplog.at_level(logging.WARNING):
        assert streams(root / "yard" / "*") == ["a"]
    assert "left out, no picture or video by name: 1" in caplog.text
    assert "notes.txt" in caplog.text


def test_a_pattern_that_fits_nothing_is_refused(place: Callable[..., Path]) -> None:
    root = place("yard/notes.txt")
    with pytest.raises(SourceError, match="nothing fits"):
        expand([str(root / "*.mp4")])
    with pytest.raises(SourceError, match="no picture or video fits"):
        expand([str(root / "yard" / "*")])


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(place: Callable[..., Path]) -> None:
    root = place("gate [1].mp4", "gate 1.mp4")
    [spec] = expand([str(root / "gate [1].mp4")])
    assert spec.source == str(root / "gate [1].mp4")


def test_names_that_are_no_stream_ids_stay_apart_and_are_told(
    place: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    root = place("films/东门.mp4", "films/西门.mp4")
    with caplog.at_level(logging.WARNING):
        found = streams(root / "films")
    assert len(set(found)) == 2
    for name in found:
        assert f"is the stream {name}; NAME=SOURCE gives it another" in caplog.text


@pytest.mark.parametrize(
    ("here", "folder"),
    [
        ("gate", "."),
        ("gate", "./"),
        ("gate", "pictures:."),
        ("gate", "in/.."),
        ("gate/in", ".."),
        ("gate/in", "pictures:.."),
    ],
)
def test_a_folder_is_known_by_its_own_name_however_it_was_typed(
    place: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    here: str,
    folder: str,
) -> None:
    root = place("gate/upright.jpg", "gate/in/upright.jpg")
    monkeypatch.chdir(root / here)
    with caplog.at_level(logging.WARNING):
        assert streams(folder) == ["gate"]
    assert not caplog.text


def test_the_root_has_a_stream_and_is_told_by_its_path(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert streams("/") == ["stream"]
    assert "/ is the stream stream; NAME=SOURCE gives it another" in caplog.text


def test_a_name_with_umlauts_can_be_recognised_in_its_stream(place: Callable[..., Path]) -> None:
    root = place("Eingang Süd/Café.mp4")
    [found] = streams(root / "Eingang Süd")
    assert re.fullmatch(r"Cafe-[0-9a-f]{8}", found)


def test_videos_of_one_name_have_their_folders_before_it(place: Callable[..., Path]) -> None:
    root = place("east/gate.mp4", "west/gate.mp4")
    assert streams(root / "*" / "gate.mp4") == ["east-gate", "west-gate"]


def test_two_sources_of_one_name_are_refused_with_the_way_out(place: Callable[..., Path]) -> None:
    root = place("east/gate.mp4", "west/gate.mp4")
    with pytest.raises(ConfigError, match=r"two sources have the stream id 'gate'.*other-gate=SOURCE"):
        expand([str(root / "east" / "gate.mp4"), str(root / "west" / "gate.mp4")])


def test_more_sources_than_threads_are_refused() -> None:
    with pytest.raises(ConfigError, match=f"more than the {MAX_SOURCES}"):
        expand(f"cam-{number}=testsrc" for number in range(MAX_SOURCES + 1))


def test_one_that_cannot_be_opened_keeps_no_other_from_starting(place: Callable[..., Path]) -> None:
    root = place("yard/north.mp4", "yard/notes.txt")
    opened = open_specs(
        expand([str(root / "yard" / "north.mp4"), str(root / "gone.mp4"), f"notes={root / 'yard/notes.txt'}"])
    )
    assert [source.stream for source in opened.sources] == ["north"]
    assert set(opened.failures) == {"gone", "notes"}
    assert "no such file" in opened.failures["gone"]


def test_when_none_can_be_opened_all_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as refused:
        open_specs(expand([str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4")]))
    assert "a.mp4" in str(refused.value)
    assert "b.mp4" in str(refused.value)


def test_one_source_is_wanted_where_several_are_named(place: Callable[..., Path]) -> None:
    folder = place("yard/north.mp4", "yard/south.mp4") / "yard"
    with pytest.raises(SourceError, match="north, south"):
        parse_source(str(folder))
