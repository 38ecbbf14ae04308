"""Files whose own sizes say that they are not whole, and those that say nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from framehop.sources.boxes import lacks_index
from framehop.sources.cut_off import is_cut_off
from tests.clips import write_film

SEGMENT = b"\x1aE\xdf\xa3\x82ab\x18S\x80g"


@pytest.mark.parametrize(
    ("data", "cut"),
    [
        (b"", False),
        (b"\0\0\0\x08ftyp", False),
        (b"\0\0\0\x09ftyp", True),
        (b"\0\0\0\x08ftyp\0\0\0\xffmoof", True),
        (b"\0\0\0\x08ftyp\0\0\0\x01mdat" + b"\xff" * 8, True),
        (b"\0\0\0\x08ftyp\0\0\0\0mdat", False),  # up to the end of the file
        (b"\0\0\0\x08ftyp\0\0\0\xffmfra", False),
        (b"\0\0\0\x08moof", True),  # its pictures would follow
        (b"\0\0\0\x08moof\0\0\0\x08mdat", False),
        (b"\0\0\0\0moof", False),
        (b"\0\0\0\x08ftypwords behind it", False),
        (SEGMENT + b"\x83abc", False),
        (SEGMENT + b"\x84abc", True),
        (SEGMENT + b"\x01\0\0\0\0\0\0\x04abc", True),
        (SEGMENT + b"\xffabc", False),  # as long as it may be
        (SEGMENT + b"\x01" + b"\xff" * 7, False),
        (SEGMENT, False),
        (SEGMENT + b"\0", False),
        (b"\x1aE\xdf\xa3", False),
        (b"\x1aE\xdf\xa3\xff", False),
    ],
)
def test_what_sizes_say(tmp_path: Path, data: bytes, cut: bool) -> None:
    path = tmp_path / "film"
    path.write_bytes(data)
    assert is_cut_off(path) == cut


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.webm", "film.avi", "film.ts"])
def test_a_whole_film_is_not_cut_off(tmp_path: Path, name: str) -> None:
    assert not is_cut_off(write_film(tmp_path / name, 20, codec="libvpx" if name.endswith("webm") else "libx264"))


@pytest.mark.parametrize(
    ("kinds", "told"), [((b"moov", b"mdat"), False), ((b"moof", b"mdat"), True), ((b"moof", b"mdat", b"styp"), True)]
)
def test_only_of_fragments_it_is_told_where_an_index_counts_the_pictures(
    tmp_path: Path, kinds: tuple[bytes, ...], told: bool
) -> None:
    path = tmp_path / "film"
    path.write_bytes(b"".join(b"\0\0\0\x08" + kind for kind in kinds[:-1]) + b"\0\0\0\xff" + kinds[-1])
    assert is_cut_off(path)
    assert is_cut_off(path, only_fragments=True) == told


def test_a_film_of_more_boxes_than_are_looked_at_is_not_known_to_be_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "film"
    path.write_bytes(b"\0\0\0\x08ftyp\0\0\0\x08moof\0\0\0\x08mdat")
    monkeypatch.setattr("framehop.sources.cut_off._MOST", 2)
    assert not is_cut_off(path)


def bytes_read() -> int:
    """Return how many bytes this process has read, also from files in memory."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.mark.parametrize("look", [is_cut_off, lacks_index])
def test_nothing_is_read_of_what_lies_in_the_boxes(tmp_path: Path, look: Callable[[Path], bool]) -> None:
    """A film may have 100 GB."""
    path, each = tmp_path / "film", 1 << 20
    with path.open("wb") as file:
        for k in range(900):
            file.seek(k * each)
            file.write(each.to_bytes(4) + (b"moof" if k % 2 else b"mdat"))
        file.truncate(900 * each)
    before = bytes_read()
    look(path)
    assert bytes_read() - before < 100 * 900


def test_what_is_not_there_is_not_cut_off(tmp_path: Path) -> None:
    assert not is_cut_off(tmp_path / "none.mp4")
    assert not is_cut_off(tmp_path)
