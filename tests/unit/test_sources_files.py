"""Picture files, folders, and what a user may write for a source."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from framehop._core import decode_jpeg
from framehop.errors import ConfigError, SourceError
from framehop.sources import SourceOptions, SourceSpec, check_distinct, folder, parse_source, parse_sources, raster
from framehop.sources.images import ImageSource
from framehop.testing.synthetic import ListSource, forged_jpeg, jpeg, truncated_jpeg


def _png(path: Path, colour: tuple[int, int, int]) -> None:
    Image.new("RGB", (40, 30), colour).save(path)


@pytest.mark.parametrize("payload", [b"", b"no picture at all"])
def test_what_is_no_picture_is_a_failed_one_that_keeps_its_bytes(tmp_path: Path, payload: bytes) -> None:
    (tmp_path / "one.jpg").write_bytes(payload)
    [picture] = parse_source(str(tmp_path / "one.jpg")).pictures()
    assert picture.payload == payload
    assert picture.error == "corrupt_picture: one.jpg: its bytes are those of no picture that is known here"


@pytest.mark.parametrize("payload", [jpeg(), truncated_jpeg(), forged_jpeg()])
def test_a_jpeg_file_goes_through_byte_for_byte(tmp_path: Path, payload: bytes) -> None:
    path = tmp_path / "one.jpg"
    path.write_bytes(payload)
    source = parse_source(str(path))
    assert [(picture.payload, picture.content_type) for picture in source.pictures()] == [(payload, "image/jpeg")]
    assert (source.stream, source.count, source.finite) == ("one", 1, True)


def test_size_is_read_from_the_header_and_unknown_when_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(64, 48))
    (tmp_path / "b.jpg").write_bytes(b"garbage")
    sizes = [(picture.width, picture.height) for picture in parse_source(str(tmp_path)).pictures()]
    assert sizes == [(64, 48), (0, 0)]


def test_a_jpeg_is_known_by_its_first_bytes_too(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    path.write_bytes(jpeg())
    assert next(iter(parse_source(str(path)).pictures())).payload == jpeg()


def test_a_folder_is_a_sequence_by_name_at_its_rate(tmp_path: Path) -> None:
    for shade, name in enumerate(["c.jpg", "a.jpeg", "b.JPG"]):
        (tmp_path / name).write_bytes(jpeg(shade=shade))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "sub.jpg").mkdir()
    source = parse_source(str(tmp_path), SourceOptions(folder_rate=4))
    pictures = list(source.pictures())
    assert [picture.payload for picture in pictures] == [jpeg(shade=shade) for shade in (1, 2, 0)]
    assert [picture.media_us for picture in pictures] == [0, 250_000, 500_000]
    assert source.stream == tmp_path.name.replace("[", "-").replace("]", "-")
    assert list(source.pictures(1)) == pictures[1:]


def test_a_pass_over_a_folder_looks_into_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder may have a million of them, and is read again at its end for those that came meanwhile."""
    for name in ("a.txt", "b.txt", "c.jpg"):
        (tmp_path / name).write_bytes(jpeg() if name.endswith("jpg") else b"hello")
    source = parse_source(str(tmp_path))
    looked_into = list[str]()

    def is_picture(path: Path) -> bool:
        looked_into.append(path.name)
        return False

    monkeypatch.setattr(folder, "is_picture", is_picture)
    assert isinstance(source, ImageSource)
    assert len(list(source.pictures())) == 1
    assert looked_into == ["a.txt", "b.txt"]
    assert [str(left) for left in source.left_out] == ["2 no picture by its name or first bytes (a.txt, b.txt)"]


def test_other_formats_are_encoded_to_jpeg(tmp_path: Path) -> None:
    _png(tmp_path / "red.png", (250, 10, 10))
    (picture,) = parse_source(str(tmp_path / "red.png")).pictures()
    pixels = decode_jpeg(picture.payload)
    assert (picture.width, picture.height, picture.content_type) == (40, 30, "image/jpeg")
    assert np.abs(pixels.astype(int) - (250, 10, 10)).max() < 12


def test_a_broken_png_does_not_stop_its_folder(tmp_path: Path) -> None:
    _png(tmp_path / "a.png", (1, 2, 3))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[:60])
    (tmp_path / "c.png").write_bytes(whole)
    pictures = list(parse_source(str(tmp_path)).pictures())
    assert pictures[1].payload == whole[:60]
    assert pictures[1].content_type != "image/jpeg"
    assert pictures[0].payload == pictures[2].payload


def test_a_png_that_claims_too_many_pixels_is_not_decoded() -> None:
    buffer = io.BytesIO()
    Image.new("L", (300, 300)).save(buffer, "PNG")
    with pytest.raises(ValueError, match="300x300 is more than 1000 pixels"):
        raster.decode_picture(buffer.getvalue(), max_pixels=1000)


def test_a_file_over_the_limit_is_refused_by_name_and_number(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.write(raster.JPEG_MAGIC)
        file.truncate(raster.MAX_FILE_BYTES + 1)
    with pytest.raises(SourceError, match=rf"huge\.jpg is larger than {raster.MAX_FILE_BYTES} bytes"):
        parse_source(str(path))


def test_a_named_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(SourceError, match="not a regular file"):
        parse_source(str(tmp_path / "pipe.jpg"))


@pytest.mark.parametrize("text", ["nowhere.mp4", "ftp://camera/1", "", "gate=nowhere.jpg", "x" * 5000, "a\0b"])
def test_what_is_not_there_says_what_is_understood(text: str) -> None:
    with pytest.raises(SourceError, match=r"understood: a video file, a picture, a folder"):
        parse_source(text)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no pictures in"):
        parse_source(str(tmp_path))


def test_sources_are_light_until_they_are_needed() -> None:
    code = "import sys, framehop.sources; print([name for name in ('av', 'PIL') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_a_name_before_the_equals_sign_is_the_stream(tmp_path: Path) -> None:
    path = tmp_path / "one.jpg"
    path.write_bytes(jpeg())
    assert parse_source(f"gate-1={path}").stream == "gate-1"
    assert SourceSpec.parse("gate=pan:a.png?size=64x48") == SourceSpec(source="pan:a.png?size=64x48", stream="gate")
    assert SourceSpec.parse("pan:a.png?size=64x48").stream == ""


def test_a_path_with_an_equals_sign_is_a_path_when_it_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gate=1.jpg").write_bytes(jpeg())
    source = parse_source("gate=1.jpg")
    assert source.stream == f"gate-1-{hashlib.sha256(b'gate=1').hexdigest()[:8]}"
    assert source.uri.endswith("gate%3D1.jpg")


def test_the_same_stream_twice_names_both_and_the_way_out(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "gate.jpg").write_bytes(jpeg())
    texts = [str(tmp_path / "x/gate.jpg"), str(tmp_path / "y/gate.jpg")]
    with pytest.raises(ConfigError, match=r"'gate'.*x/gate\.jpg and .*y/gate\.jpg.*=SOURCE"):
        parse_sources(texts)
    assert [source.stream for source in parse_sources([texts[0], f"other={texts[1]}"])] == ["gate", "other"]


def test_one_source_listed_twice_is_a_collision_too() -> None:
    source = ListSource([jpeg()])
    with pytest.raises(ConfigError, match="stream id 'list'"):
        check_distinct([source, source])
