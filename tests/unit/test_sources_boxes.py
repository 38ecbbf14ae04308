"""Films whose recording or copying broke off before their index was written, as of a camera or phone whose power failed, and a
phone's pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.errors import SourceError
from framehop.sources import parse_source
from framehop.sources.boxes import lacks_index
from tests.clips import write_film

CASES = Path(__file__).resolve().parents[1] / "cases"


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("kept", [0.2, 0.6, 0.7, 0.95])
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


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "photo", "IMG_2.mp4"])
def test_a_phones_heic_is_refused_as_a_picture(tmp_path: Path, name: str) -> None:
    """FFmpeg takes it for a film of its upper left corner, 512 x 512."""
    photo = tmp_path / name
    photo.write_bytes(b"\0\0\0\x10ftypheic\0\0\0\0\0\0\0\x08meta\0\0\0\x08mdat")
    assert not lacks_index(photo)
    with pytest.raises(
        SourceError, match=rf"{name} is a picture of a kind that is not decoded here: save it as PNG or JPEG"
    ):
        parse_source(str(photo))


def test_a_jpeg_that_is_called_heic_is_read(tmp_path: Path) -> None:
    photo = tmp_path / "IMG_1.HEIC"
    photo.write_bytes((CASES / "upright.jpg").read_bytes())
    assert len(list(parse_source(str(photo)).pictures())) == 1
