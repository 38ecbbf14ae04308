"""JPEGs decoded by DALI: what it makes of them, and one broken picture among sound ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from framehop import _core
from framehop.errors import (
    ClosedError,
    CorruptPictureError,
    InvalidArgumentError,
    ModelError,
    OutOfMemoryError,
    PictureTooLargeError,
)
from framehop.inference.preprocess import dali_jpeg
from framehop.inference.preprocess.dali_jpeg import DaliJpegDecoder, Decoded
from tests.dali import needs_dali

pytestmark = needs_dali

CASES = Path(__file__).parents[1] / "cases"
UPRIGHT, TURNED = ((CASES / f"{name}.jpg").read_bytes() for name in ("upright", "exif_orientation_6"))
TRUNCATED = UPRIGHT[: len(UPRIGHT) // 2]

LEVELS = 3  # two decoders of one JPEG differ so much


@pytest.fixture
def decoder() -> Iterator[DaliJpegDecoder]:
    made = DaliJpegDecoder(max_batch=3)
    yield made
    made.close()


def is_native(decoded: Decoded, jpeg: bytes) -> bool:
    """Whether our own decoder sees the same picture."""
    assert isinstance(decoded, np.ndarray)
    native = _core.decode_jpeg(jpeg).astype(np.int16)
    return decoded.shape == native.shape and int(np.abs(decoded - native).max()) <= LEVELS


def test_pictures_are_as_ours_and_upright(decoder: DaliJpegDecoder) -> None:
    small = _core.encode_jpeg(np.full((1, 3, 3), 200, np.uint8))
    jpegs = [UPRIGHT, TURNED, small, TURNED]
    assert all(is_native(decoded, jpeg) for decoded, jpeg in zip(decoder.decode(jpegs), jpegs, strict=True))


def test_a_bad_picture_in_its_batch_fails_alone(decoder: DaliJpegDecoder) -> None:
    jpegs = [UPRIGHT, TRUNCATED, TURNED, TRUNCATED, UPRIGHT]
    decoded = decoder.decode(jpegs)
    assert [isinstance(one, CorruptPictureError) for one in decoded] == [False, True, False, True, False]
    assert all(is_native(decoded[index], jpegs[index]) for index in (0, 2, 4))
    assert is_native(decoder.decode([UPRIGHT])[0], UPRIGHT)


def test_what_is_no_jpeg_or_claims_too_much_never_reaches_dali(monkeypatch: pytest.MonkeyPatch) -> None:
    """DALI itself would decode a PNG, and take the memory that a header asks for."""
    decoder = DaliJpegDecoder(max_pixels=320 * 320 - 1)
    monkeypatch.setattr(DaliJpegDecoder, "_together", lambda *_: pytest.fail("it came to DALI"))
    png, text, large = decoder.decode([(CASES / "gray8.png").read_bytes(), b"no picture", UPRIGHT])
    assert isinstance(png, CorruptPictureError)
    assert isinstance(text, CorruptPictureError)
    assert isinstance(large, PictureTooLargeError)
    assert decoder.decode([]) == []


def test_no_memory_is_not_the_pictures_fault(decoder: DaliJpegDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def run(self, **_: object) -> None:
            raise RuntimeError("encountered:\nstd::bad_alloc")

    monkeypatch.setattr(decoder, "_built", Full())
    with pytest.raises(OutOfMemoryError, match="to decode 1 JPEGs: std::bad_alloc"):
        decoder.decode([UPRIGHT])
    assert is_native(decoder.decode([UPRIGHT])[0], UPRIGHT)


def test_a_pipeline_that_cannot_be_built_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("encountered:\ndlopen libnvimgcodec.so failed!")

    monkeypatch.setattr(dali_jpeg, "_build", broken)
    with pytest.raises(ModelError, match="cannot decode JPEGs on the CPU: dlopen libnvimgcodec"):
        DaliJpegDecoder()


def test_closed_is_closed_and_options_are_checked(decoder: DaliJpegDecoder) -> None:
    decoder.close()
    with pytest.raises(ClosedError):
        decoder.decode([UPRIGHT])
    with pytest.raises(InvalidArgumentError):
        DaliJpegDecoder(max_batch=0)
