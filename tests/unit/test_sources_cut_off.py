"""Files whose own sizes say that they are not whole, and those that say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_what_is_not_there_is_not_cut_off(tmp_path: Path) -> None:
    assert not is_cut_off(tmp_path / "none.mp4")
    assert not is_cut_off(tmp_path)
