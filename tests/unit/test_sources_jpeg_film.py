"""Films of JPEGs go into the log byte for byte, where a picture by itself shows what a player shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from framehop._core import decode_jpeg, encode_jpeg
from framehop.protocols import Picture
from framehop.sources import SourceOptions, parse_source
from framehop.sources.jpeg_film import JpegFilm
from framehop.sources.video import VideoSource
from framehop.testing.synthetic import jpeg
from tests.cameras import without_tables
from tests.clips import turned
from tests.jpeg_films import SHADES, SIZE, film_of


def read(path: Path, *, codec: str = "auto", start: int = 0) -> list[Picture]:
    source = parse_source(str(path), SourceOptions(codec=codec))  # type: ignore[arg-type]
    assert isinstance(source, JpegFilm)
    return list(source.pictures(start))


@pytest.mark.parametrize("codec", ["auto", "copy", "jpeg"])
@pytest.mark.parametrize("name", ["film.avi", "film.mov", "film.mkv"])
def test_every_jpeg_is_as_it_was_with_its_time(tmp_path: Path, name: str, codec: str) -> None:
    pictures = read(film_of(tmp_path / name, SHADES), codec=codec)
    assert [picture.payload for picture in pictures] == SHADES
    assert [picture.media_us for picture in pictures] == [40_000 * number for number in range(len(SHADES))]
    assert {(picture.width, picture.height, picture.content_type) for picture in pictures} == {(*SIZE, "image/jpeg")}


def test_the_same_seq_is_the_same_picture_on_resume(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.avi", SHADES)
    assert read(path, start=5) == read(path)[5:]


def test_jpegs_without_tables_get_the_standard_ones(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.avi", [without_tables(data) for data in SHADES])
    assert [picture.payload for picture in read(path)] == SHADES, "libjpeg had written the standard tables"


def test_what_is_no_jpeg_is_a_frame_without_a_picture(tmp_path: Path) -> None:
    pictures = read(film_of(tmp_path / "film.mkv", [*SHADES[:3], b"no picture", *SHADES[4:]]))
    assert [bool(picture.error) for picture in pictures] == [seq == 3 for seq in range(len(SHADES))]
    assert pictures[3].error == "corrupt_picture: film.mkv: a picture is not what a JPEG is"
    assert pictures[3].payload == b"no picture"


def test_pictures_that_an_avi_announces_and_lacks_are_counted(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.avi", SHADES)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(SHADES[6])])
    source = parse_source(str(path))
    assert [picture.payload for picture in source.pictures()] == SHADES[:6]
    assert isinstance(source, JpegFilm)
    assert [left.count for left in source.left_out] == [2]


def test_those_that_do_not_show_themselves_are_encoded_anew(tmp_path: Path) -> None:
    """Halves of interlaced pictures, colours of the limited range, and what the container turns."""
    field = jpeg(SIZE[0], SIZE[1] // 2, shade=100)
    limited = [data[:2] + b"\xff\xfe\x00\x0bCS=ITU601" + data[2:] for data in SHADES]
    films = {
        "fields": film_of(tmp_path / "fields.mov", [field + field] * 4),
        "limited": film_of(tmp_path / "limited.mov", limited),
        "lies": turned(film_of(tmp_path / "lies.mov", SHADES), 90),
    }
    sources = {name: parse_source(str(film)) for name, film in films.items()}
    assert {name: type(source) for name, source in sources.items()} == dict.fromkeys(films, VideoSource)
    shown = {name: next(iter(source.pictures())) for name, source in sources.items()}
    assert (shown["fields"].width, shown["fields"].height) == SIZE
    assert (shown["lies"].width, shown["lies"].height) == SIZE[::-1]


def test_the_range_of_the_colours_stays(tmp_path: Path) -> None:
    """Grey 200 is 200 whether a picture was passed through or encoded anew."""
    grey = encode_jpeg(np.full((48, 64, 3), 200, np.uint8), quality=95)
    film = film_of(tmp_path / "film.avi", [grey])
    [passed], [encoded] = read(film), list(VideoSource(film, stream="s", quality=95).pictures())
    levels = [int(decode_jpeg(picture.payload)[20, 20, 1]) for picture in (passed, encoded)]
    assert [abs(level - 200) <= 1 for level in levels] == [True, True]
