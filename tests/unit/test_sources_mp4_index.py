"""Films whose recording or copying broke off before their index was written, as of a camera or phone whose power failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.errors import SourceError
from framehop.sources import parse_source
from framehop.sources.mp4_index import lacks_index
from tests.clips import write_film


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
def test_a_film_without_its_index_is_told_as_one(tmp_path: Path, suffix: str, kept: float) -> None:
    film = write_film(tmp_path / f"gate.{suffix}", 25)
    whole = film.read_bytes()
    film.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(
        SourceError, match=r"cannot open .*gate.* as video: it lacks the index of its pictures \(moov\)"
    ):
        parse_source(str(film))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"words",
        b"words that are no boxes",
        b"\0\0\0\x08ftyp",
        b"\0\0\0\0mdat",
        b"\0\0\0\x01mdat",
        b"\0\0\0\x01mdat" + b"\xff" * 8,
        b"\0\0\0\x08ftyp\0\0\0\xffmoov",
        b"\0\0\0\x08ftyp" * 5000,
    ],
)
def test_boxes_are_looked_through_whatever_they_are(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "gate.mp4"
    path.write_bytes(data)
    assert lacks_index(path) == (data[4:8] in {b"ftyp", b"mdat"})


def test_a_whole_film_lacks_no_index(tmp_path: Path) -> None:
    assert not lacks_index(write_film(tmp_path / "gate.mp4", 25))
    assert not lacks_index(tmp_path / "none.mp4")
