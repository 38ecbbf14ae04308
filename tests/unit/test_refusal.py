"""A picture that is too large is told which option takes it, and that value does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from framehop import _core
from framehop.decode.decoder import DecodeOptions
from framehop.decode.refusal import advice
from framehop.types import Need

NEED = Need(width=300, height=300, fit="letterbox")


def _jpeg(width: int, height: int) -> bytes:
    return _core.encode_jpeg(np.zeros((height, width, 3), np.uint8))


def _decode(ring_path: Path, data: bytes, *, slot_bytes: int, max_pixels: int) -> _core.DecodeResult:
    with (
        _core.Ring.create(str(ring_path), slots=2, slot_bytes=slot_bytes) as ring,
        _core.JpegDecoder(threads=1, max_pixels=max_pixels) as decoder,
    ):
        slot = ring.wait_acquire(_core.FrameTag("cam", 1, 0, 0, 0), 1.0)
        assert slot is not None
        [result] = decoder.decode([slot], [data], min_width=NEED.width, min_height=NEED.height, fit=NEED.fit)
        return result


def _reason(result: _core.DecodeResult, max_pixels: int) -> str:
    options = DecodeOptions(threads=1, max_pixels=max_pixels, need=NEED)
    return result.message + advice(result.error, (result.source_width, result.source_height), options)


def _option(reason: str, name: str) -> int:
    return int(reason.partition(f"{name} ")[2].split()[0])


@pytest.mark.parametrize("size", [(2048, 1366), (4097, 301), (301, 7000), (1801, 1799)])
def test_a_slot_of_the_size_that_is_named_takes_the_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    data = _jpeg(*size)
    small = _decode(tmp_path / "ring", data, slot_bytes=4096, max_pixels=1 << 26)
    reason = _reason(small, 1 << 26)
    assert "does not fit into a slot of 4096 bytes" in reason
    mib = _option(reason, "--slot-mib")
    large = _decode(tmp_path / "ring2", data, slot_bytes=mib << 20, max_pixels=1 << 26)
    assert large.error == ""
    assert large.ref is not None
    pixels = large.ref.width * large.ref.height * 3
    assert (mib - 1) << 20 < pixels <= mib << 20, "not one MiB more than it needs"


def test_the_number_of_pixels_that_is_named_takes_the_picture(tmp_path: Path) -> None:
    data = _jpeg(400, 300)
    small = _decode(tmp_path / "ring", data, slot_bytes=1 << 20, max_pixels=1000)
    pixels = _option(_reason(small, 1000), "--max-pixels")
    assert pixels == 120_000
    assert _decode(tmp_path / "ring2", data, slot_bytes=1 << 20, max_pixels=pixels).error == ""


def test_other_reasons_stay_as_they_are(tmp_path: Path) -> None:
    broken = _decode(tmp_path / "ring", _jpeg(64, 64)[:40], slot_bytes=1 << 20, max_pixels=1000)
    assert _reason(broken, 1000) == broken.message
    assert broken.error == "corrupt_picture"
