"""Files as cameras and phones write them, each with what is right for it. Those in tests/cases are one example of a kind."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import framehop
from framehop.errors import SourceError
from framehop.protocols import LeavesOut, Picture
from framehop.sources import Codec, SourceOptions, parse_source

CASES = Path(__file__).resolve().parents[1] / "cases"
Pixels = NDArray[np.uint8]


def read(path: Path, codec: Codec = "auto") -> tuple[list[Picture], Sequence[str]]:
    """Every picture of a source, and what it says that it left out."""
    source = parse_source(str(path), SourceOptions(codec=codec))
    pictures = list(source.pictures())
    return pictures, [str(left) for left in source.left_out] if isinstance(source, LeavesOut) else []


def pixels_of(path: Path) -> Pixels:
    [picture], left_out = read(path)
    assert (picture.error, left_out) == ("", [])
    pixels = framehop.decode_jpeg(picture.payload)
    assert (picture.width, picture.height) == (pixels.shape[1], pixels.shape[0])
    return pixels


def is_like(one: Pixels, other: Pixels, tolerance: float = 4.0) -> bool:
    """Two encodings of one picture differ by a few grey levels."""
    return one.shape == other.shape and float(np.abs(one.astype(int) - other.astype(int)).mean()) < tolerance


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


# ---- pictures


@pytest.mark.parametrize("name", ["extraneous_bytes_before_rst.jpg", "no_eoi.jpg"])
def test_a_jpeg_whose_every_pixel_is_there_goes_through_as_it_is(name: str) -> None:
    [picture], _ = read(CASES / name)
    assert picture.payload == (CASES / name).read_bytes()
    assert is_like(framehop.decode_jpeg(picture.payload), pixels_of(CASES / "upright.jpg"))


def test_a_phone_held_upright_gives_an_upright_picture() -> None:
    assert is_like(pixels_of(CASES / "exif_orientation_6.jpg"), pixels_of(CASES / "upright.jpg"))


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_other_formats_as_well(tmp_path: Path, suffix: str, orientation: int) -> None:
    ramp = np.add.outer(np.arange(64) * 3, np.arange(96)).astype(np.uint8)  # no two of its turns are alike
    stored = Image.fromarray(np.stack([ramp, ramp // 2, 255 - ramp], axis=-1))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / f"turned.{suffix}", stored, exif=exif)
    jpeg = io.BytesIO()
    stored.save(jpeg, "JPEG", exif=exif, quality=95)
    assert is_like(pixels_of(path), framehop.decode_jpeg(jpeg.getvalue()))


def test_16_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    assert is_like(pixels_of(CASES / "gray16.png"), pixels_of(CASES / "gray8.png"), 1.0)
    ramp = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    for name in ("ramp.tif", "ramp.png", "ramp.pgm"):
        path = saved(tmp_path / name, Image.fromarray(ramp))
        assert is_like(pixels_of(path), np.repeat((ramp // 257).astype(np.uint8)[..., None], 3, axis=2), 2.0)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_grey_of_which_0_is_white_is_no_negative(tmp_path: Path, kind: type[np.uint8] | type[np.uint16]) -> None:
    ramp = np.linspace(0, np.iinfo(kind).max, 64 * 48).astype(kind).reshape(48, 64)
    path = saved(tmp_path / "ramp.tif", Image.fromarray(ramp))
    meaning = b"\x06\x01\x03\0\1\0\0\0"  # the tag 262, one short number
    path.write_bytes(path.read_bytes().replace(meaning + b"\1", meaning + b"\0"))
    white_first = np.linspace(255, 0, 64 * 48).astype(np.uint8).reshape(48, 64)
    assert is_like(pixels_of(path), np.repeat(white_first[..., None], 3, axis=2), 2.0)


def test_what_has_no_stated_range_is_refused_with_a_reason(tmp_path: Path) -> None:
    for name, values in {
        "f.tif": np.full((8, 8), 0.5, np.float32),
        "i.tif": np.full((8, 8), 1 << 20, np.int32),
    }.items():
        [picture], _ = read(saved(tmp_path / name, Image.fromarray(values)))
        assert picture.error.startswith(f"unsupported_picture: {name}: ")


def test_a_bomb_is_one_failed_picture_and_names_itself() -> None:
    [picture], _ = read(CASES / "one_bad_byte.bmp")
    assert picture.error.startswith("picture_too_large: one_bad_byte.bmp: ")


def test_a_side_that_no_jpeg_has_is_refused(tmp_path: Path) -> None:
    [picture], _ = read(saved(tmp_path / "wide.png", Image.new("L", (65_501, 2))))
    assert picture.error.startswith("picture_too_large: wide.png: 65501x2 has a side of more than 65500")


def test_an_ordinary_bmp_may_be_larger_than_any_jpeg(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.bmp", Image.new("RGB", (4200, 2800), (10, 200, 30)))
    assert path.stat().st_size > 32 << 20
    assert pixels_of(path).shape == (2800, 4200, 3)


def test_a_corrupt_png_says_so_and_names_its_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "cut.png", Image.open(CASES / "gray8.png"))
    path.write_bytes(path.read_bytes()[:2000])
    [picture], _ = read(path)
    assert picture.error.startswith("corrupt_picture: cut.png: ")


@pytest.mark.parametrize("name", ["png_named.jpg", "small.avif"])
def test_the_content_counts(name: str) -> None:
    assert pixels_of(CASES / name).shape == (200, 200, 3)


def test_a_jpeg_by_another_name_goes_through_as_it_is(tmp_path: Path) -> None:
    data = (CASES / "upright.jpg").read_bytes()
    (tmp_path / "named.png").write_bytes(data)
    [picture], _ = read(tmp_path / "named.png")
    assert (picture.payload, picture.error) == (data, "")


def test_a_folder_takes_what_it_can_and_says_what_not(tmp_path: Path) -> None:
    for name in ("small.avif", "png_named.jpg", "one_bad_byte.bmp", "upright.jpg"):
        (tmp_path / name).write_bytes((CASES / name).read_bytes())
    Image.new("RGB", (8, 8)).save(tmp_path / "scan.jp2")
    (tmp_path / "._upright.jpg").write_bytes(b"\0\5\x16\7" + bytes(100))
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "notes.txt").write_text("nothing")
    pictures, left_out = read(tmp_path)
    assert [bool(picture.error) for picture in pictures] == [True, False, False, False, False]
    assert sorted(entry.partition(" (")[2] for entry in left_out) == ["._upright.jpg)", "notes.txt)", "phone.heic)"]


# ---- several pictures in one file


@pytest.mark.parametrize("name", ["ten_frames.mjpeg", "ten_frames.gif"])
def test_a_film_by_another_name_is_played(name: str) -> None:
    pictures, left_out = read(CASES / name)
    assert (len(pictures), left_out) == (10, [])


@pytest.mark.parametrize("suffix", ["webp", "tiff"])
def test_further_pictures_of_a_file_are_left_out_with_a_word(tmp_path: Path, suffix: str) -> None:
    first, *rest = (Image.new("RGB", (16, 16), (40 * i, 0, 0)) for i in range(4))
    pictures, left_out = read(saved(tmp_path / f"pages.{suffix}", first, save_all=True, append_images=rest))
    assert len(pictures) == 1
    assert left_out == [f"3 a further picture in one file, of which the first is taken (pages.{suffix} …)"]


# ---- videos


def test_tags_in_any_encoding_play() -> None:
    pictures, left_out = read(CASES / "latin1_title.avi")
    assert (len(pictures), left_out) == (10, [])


def test_a_codec_without_a_decoder_is_named() -> None:
    with pytest.raises(
        SourceError, match=r"unknown_codec\.mp4 is encoded with the codec zzz1, .*convert it to H\.264$"
    ):
        parse_source(str(CASES / "unknown_codec.mp4"))


def test_a_camera_that_mirrors_is_shown_as_players_do() -> None:
    [passed, *_], _ = read(CASES / "display_matrix_hflip.mp4")
    assert passed.content_type in ("video/h264;orientation=2", "image/jpeg")
    pictures, _ = read(CASES / "display_matrix_hflip.mp4", "jpeg")
    with av.open(str(CASES / "display_matrix_hflip.mp4")) as container:
        stored = np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)
    assert is_like(framehop.decode_jpeg(pictures[0].payload), stored[:, ::-1])
    assert not is_like(framehop.decode_jpeg(pictures[0].payload), stored)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_film_of_a_phones_pictures_is_upright(tmp_path: Path, orientation: int) -> None:
    ramp = np.add.outer(np.arange(64) * 3, np.arange(96)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    jpeg = io.BytesIO()
    Image.fromarray(np.stack([ramp, ramp // 2, 255 - ramp], axis=-1)).save(jpeg, "JPEG", exif=exif, quality=95)
    path = tmp_path / "film.mjpeg"
    path.write_bytes(jpeg.getvalue() * 3)
    pictures, left_out = read(path)
    assert (len(pictures), left_out) == (3, [])
    assert is_like(framehop.decode_jpeg(pictures[0].payload), framehop.decode_jpeg(jpeg.getvalue()))


@pytest.mark.parametrize("codec", get_args(Codec))
def test_a_download_that_broke_off_says_how_much_is_missing(codec: Codec) -> None:
    pictures, left_out = read(CASES / "truncated_faststart.mp4", codec)
    assert len(pictures) in (28, 29), "the picture in which it broke off may be one"
    assert sum(int(entry.split()[0]) for entry in left_out) == 100 - len(pictures)


@pytest.mark.parametrize(("full", "grey"), [(False, 214), (True, 200)])
def test_the_range_of_a_films_colours_counts(tmp_path: Path, full: bool, grey: int) -> None:
    path = tmp_path / "grey.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.color_range = 2 if full else 1
        frame = av.VideoFrame(64, 48, "yuv420p")
        frame.color_range = 2 if full else 1
        for number, plane in enumerate(frame.planes):
            plane.update(bytes([128 if number else 200]) * plane.buffer_size)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    [picture], _ = read(path)
    assert abs(int(framehop.decode_jpeg(picture.payload)[20, 20, 0]) - grey) <= 1
