"""decode_jpeg, encode_jpeg and read_jpeg_header: what comes from outside is hostile."""

from __future__ import annotations

import mmap
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from framehop import _core
from framehop.errors import (
    CorruptPictureError,
    InvalidArgumentError,
    PictureError,
    PictureTooLargeError,
    UnsupportedPictureError,
)

if TYPE_CHECKING:
    from framehop._core import ResizeMode

Pixels = NDArray[np.uint8]


def painted(width: int, height: int) -> Pixels:
    """Smooth, and different in every channel and direction."""
    y, x = np.arange(height)[:, None], np.arange(width)[None, :]
    channels = np.broadcast_arrays(255 * x // width, 255 * y // height, 128 + 100 * np.sin((x + y) / 40))
    return np.stack(channels, axis=-1).astype(np.uint8)


def psnr(a: Pixels, b: Pixels) -> float:
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def frame_header(jpeg: bytes) -> int:
    """Return the offset of the baseline frame header (SOF0)."""
    at = 2
    while jpeg[at + 1] != 0xC0:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return at


def patched(jpeg: bytes, at: int, new: bytes) -> bytes:
    return jpeg[:at] + new + jpeg[at + len(new) :]


def claiming(jpeg: bytes, width: int, height: int) -> bytes:
    return patched(jpeg, frame_header(jpeg) + 5, height.to_bytes(2, "big") + width.to_bytes(2, "big"))


def bomb() -> bytes:
    """739 bytes that claim 30000x30000 pixels."""
    jpeg = claiming(_core.encode_jpeg(painted(16, 16)), 30_000, 30_000)
    length = 739 - len(jpeg) - 2
    return jpeg[:2] + b"\xff\xfe" + length.to_bytes(2, "big") + bytes(length - 2) + jpeg[2:]


JPEG = _core.encode_jpeg(painted(64, 48), quality=90)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (321, 243), (640, 480)])
def test_encoded_pixels_come_back(width: int, height: int) -> None:
    before = painted(width, height)
    jpeg = _core.encode_jpeg(before, quality=95)
    info = _core.read_jpeg_header(jpeg)
    after = _core.decode_jpeg(jpeg)
    assert (info.width, info.height) == (width, height)
    assert after.shape == before.shape
    assert after.dtype == np.uint8
    assert psnr(before, after) > 36


def test_the_array_is_the_callers_own() -> None:
    array = _core.decode_jpeg(JPEG)
    assert array.flags.owndata
    assert array.flags.writeable
    assert array.flags.c_contiguous


@pytest.mark.parametrize(
    ("minimum", "expected"),
    [
        ((0, 0), (1080, 1920)),
        ((300, 300), (540, 960)),
        ((240, 135), (135, 240)),
        ((241, 0), (270, 480)),
        ((0, 136), (270, 480)),
        ((5000, 5000), (1080, 1920)),
    ],
)
def test_the_quick_scale_not_below_the_minimum(minimum: tuple[int, int], expected: tuple[int, int]) -> None:
    jpeg = _core.encode_jpeg(np.zeros((1080, 1920, 3), np.uint8))
    assert _core.decode_jpeg(jpeg, min_width=minimum[0], min_height=minimum[1]).shape == (*expected, 3)


@pytest.mark.parametrize(
    ("fit", "expected"),
    [("stretch", (720, 1280)), ("letterbox", (360, 640)), ("letterbox-topleft", (360, 640))],
)
def test_a_letterbox_needs_only_what_the_picture_covers_of_it(fit: ResizeMode, expected: tuple[int, int]) -> None:
    wide = _core.encode_jpeg(np.zeros((720, 1280, 3), np.uint8))
    assert _core.decode_jpeg(wide, min_width=416, min_height=416, fit=fit).shape == (*expected, 3)
    high = _core.encode_jpeg(np.zeros((1280, 720, 3), np.uint8))
    assert _core.decode_jpeg(high, min_width=416, min_height=416, fit=fit).shape == (*expected[::-1], 3)


def test_an_unknown_fit_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="fit must be one of stretch, letterbox"):
        _core.decode_jpeg(JPEG, min_width=8, min_height=8, fit=cast("ResizeMode", "crop"))


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_any_bytes_like_object_is_taken(wrap: Callable[[bytes], bytes]) -> None:
    assert np.array_equal(_core.decode_jpeg(wrap(JPEG)), _core.decode_jpeg(JPEG))


def test_a_mapped_file_is_taken() -> None:
    with mmap.mmap(-1, len(JPEG)) as mapped:
        mapped.write(JPEG)
        with memoryview(mapped) as view:
            assert np.array_equal(_core.decode_jpeg(view), _core.decode_jpeg(JPEG))


def test_the_buffer_is_not_kept() -> None:
    data = bytearray(JPEG)
    _core.decode_jpeg(data)
    with pytest.raises(CorruptPictureError):
        _core.decode_jpeg(memoryview(data)[:100])
    data.clear()  # BufferError while anything is borrowed


def test_a_bomb_is_refused_from_its_header() -> None:
    jpeg = bomb()
    assert len(jpeg) == 739
    assert _core.read_jpeg_header(jpeg).width == 30_000
    with pytest.raises(PictureTooLargeError, match="30000x30000"):
        _core.decode_jpeg(jpeg)
    with pytest.raises(PictureTooLargeError):
        _core.decode_jpeg(jpeg, min_width=1, min_height=1)


def test_the_cap_is_the_callers() -> None:
    with pytest.raises(PictureTooLargeError, match="64x48"):
        _core.decode_jpeg(JPEG, max_pixels=64 * 48 - 1)
    assert _core.decode_jpeg(JPEG, max_pixels=64 * 48).shape == (48, 64, 3)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xd8", b"not a picture", bytes(range(256)), JPEG[1:]])
def test_what_is_no_jpeg_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptPictureError):
        _core.read_jpeg_header(data)
    with pytest.raises(CorruptPictureError):
        _core.decode_jpeg(data)


def test_truncated_anywhere_in_its_data_is_corrupt() -> None:
    end_of_data = len(JPEG) - 2
    for size in range(end_of_data):
        with pytest.raises(CorruptPictureError):
            _core.decode_jpeg(JPEG[:size])
    assert np.array_equal(_core.decode_jpeg(JPEG[:end_of_data]), _core.decode_jpeg(JPEG))


def with_exif(jpeg: bytes, orientation: int) -> bytes:
    """`jpeg` with an Exif segment, as cameras write it: big-endian, one entry."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    body = b"Exif\0\0" + b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


TURNED: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: np.transpose(stored, (1, 0, 2)),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(np.transpose(stored, (1, 0, 2)), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("minimum", [0, 10])
def test_a_picture_comes_as_its_camera_was_held(orientation: int, minimum: int) -> None:
    jpeg = with_exif(JPEG, orientation)
    expected = TURNED[orientation](_core.decode_jpeg(JPEG, min_width=minimum, min_height=minimum))
    assert np.array_equal(_core.decode_jpeg(jpeg, min_width=minimum, min_height=minimum), expected)
    info = _core.read_jpeg_header(jpeg)
    assert (info.width, info.height) == ((48, 64) if orientation > 4 else (64, 48))


def test_forged_headers_are_refused() -> None:
    frame = frame_header(JPEG)
    with pytest.raises(UnsupportedPictureError, match="12 bits"):
        _core.decode_jpeg(patched(JPEG, frame + 4, b"\x0c"))
    with pytest.raises(UnsupportedPictureError, match="SOF3"):
        _core.decode_jpeg(patched(JPEG, frame + 1, b"\xc3"))
    with pytest.raises(PictureTooLargeError, match="65535x65535"):
        _core.decode_jpeg(claiming(JPEG, 65_535, 65_535))
    with pytest.raises(CorruptPictureError):
        _core.decode_jpeg(claiming(JPEG, 0, 48))


@pytest.mark.parametrize("argument", ["min_width", "min_height", "max_pixels"])
def test_negative_sizes_are_refused(argument: str) -> None:
    with pytest.raises(InvalidArgumentError, match=argument):
        _core.decode_jpeg(JPEG, **{argument: -1})  # type: ignore[arg-type]


def mutate(draw: st.DrawFn) -> bytes:
    data = bytearray(JPEG)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["flip", "cut", "insert", "remove"]))
        if kind == "flip" and data:
            data[at] ^= draw(st.integers(1, 255))
        elif kind == "cut":
            del data[at:]
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=40))
        else:
            del data[at : at + draw(st.integers(1, 40))]
    return bytes(data)


@settings(max_examples=400)
@given(data=st.composite(mutate)(), minimum=st.integers(0, 64))
def test_a_mutated_jpeg_is_a_picture_or_a_picture_error(data: bytes, minimum: int) -> None:
    try:
        array = _core.decode_jpeg(data, min_width=minimum, max_pixels=1 << 20)
    except PictureError:
        pass
    else:
        info = _core.read_jpeg_header(data)
        assert array.shape[1] >= min(minimum, info.width)
        assert array.shape[2] == 3
    assert _core.decode_jpeg(JPEG).shape == (48, 64, 3)


def test_rows_may_be_strided() -> None:
    wide = painted(200, 100)
    window = wide[10:90:2, 20:120]
    assert not window.flags.c_contiguous
    same = _core.encode_jpeg(np.ascontiguousarray(window))
    assert _core.encode_jpeg(window) == same


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.uint8)[:, ::-1],
        np.zeros((4, 4, 3), np.uint8)[::-1],
        np.zeros((4, 4, 3), np.uint8)[:, :, ::-1],
        np.broadcast_to(np.zeros((1, 4, 3), np.uint8), (4, 4, 3)),
        np.zeros((3, 4, 4), np.uint8).transpose(1, 2, 0),
        [[[1, 2, 3]]],
        None,
    ],
)
def test_what_is_no_picture_is_refused(pixels: object) -> None:
    with pytest.raises(InvalidArgumentError, match="pixels"):
        _core.encode_jpeg(cast("Pixels", pixels))


@pytest.mark.parametrize("quality", [-1, 0, 101])
def test_quality_is_checked(quality: int) -> None:
    with pytest.raises(InvalidArgumentError, match="quality"):
        _core.encode_jpeg(painted(8, 8), quality=quality)


def test_a_side_above_libjpegs_limit_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="65500"):
        _core.encode_jpeg(np.zeros((1, 65_501, 3), np.uint8))


def test_threads_decode_side_by_side() -> None:
    pictures = [_core.encode_jpeg(painted(64 + k, 48)) for k in range(8)]
    together = threading.Barrier(4)

    def decode(k: int) -> list[tuple[int, ...]]:
        together.wait(timeout=30)
        return [_core.decode_jpeg(jpeg).shape for jpeg in pictures[k:] + pictures[:k]]

    with ThreadPoolExecutor(4) as pool:
        for k, shapes in enumerate(pool.map(decode, range(4))):
            assert shapes == [(48, 64 + (k + i) % 8, 3) for i in range(8)]
