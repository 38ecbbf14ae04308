"""DALI on an NVIDIA GPU: its tensor stays there, the network runs behind it on one stream, and finds what it finds without."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from framehop import _core
from framehop.errors import CorruptPictureError
from framehop.inference.device import Device
from framehop.inference.engine import Engine, EngineOptions, load_model
from framehop.inference.preprocess import InputTensor, dali_installed
from framehop.inference.preprocess.dali import DaliPreprocessor
from framehop.inference.preprocess.dali_jpeg import DaliJpegDecoder
from framehop.inference.preprocess.dali_runtime import gpu_count, new_stream
from framehop.inference.spec import InputSpec, ResizeSpec
from tests.photographs import PICTURES, photograph

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="there is no NVIDIA device on this machine"),
    pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed: the extra gpu has it"),
]

GREY_LEVELS = 0.5  # a GPU interpolates with less precise weights

PINNED = Path(__file__).parents[1] / "cases" / "batch_dynamic_in_name_only"


def pictures() -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for width, height in ((1280, 720), (33, 47), (1, 1))]


@pytest.mark.parametrize("mode", ["stretch", "letterbox", "letterbox-topleft"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("colour", ["RGB", "BGR"])
@pytest.mark.parametrize("streams", ["shared", "its own"])
def test_the_tensor_on_the_device_is_the_native_one(mode: str, layout: str, colour: str, streams: str) -> None:
    spec = InputSpec(name="x", width=321, height=240, layout=layout, colour=colour)  # type: ignore[arg-type]
    resize = ResizeSpec(mode=mode)  # type: ignore[arg-type]
    native, transforms = InputTensor(spec, resize, max_batch=3).fill(pictures())
    device = Device(kind="cuda", stream=new_stream(0) if streams == "shared" else None)
    tensor, dali_transforms = DaliPreprocessor(spec, resize, max_batch=3, device=device).fill(pictures())
    assert tensor.value.device_name() == "cuda"
    assert np.array_equal(dali_transforms, transforms)
    assert np.abs(tensor.numpy() - native).max() <= GREY_LEVELS


def test_auto_is_dali_on_a_gpu_and_finds_what_the_native_kernel_finds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "framehop.inference.preprocess")
    photographs = [photograph(name) for name in PICTURES]
    model = load_model("coco-ssd")
    with (
        Engine(model, EngineOptions(provider="cuda")) as dali,
        Engine(model, EngineOptions(provider="cuda", preprocess="native")) as native,
    ):
        for _ in range(20):  # a tensor read before it is full would differ now and then
            for ours, theirs in zip(dali.detect(photographs), native.detect(photographs), strict=True):
                assert ours.label_ids.tolist() == theirs.label_ids.tolist()
                np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=2.0)
                np.testing.assert_allclose(ours.scores, theirs.scores, atol=0.02)
    assert "DALI preprocesses; the network runs on GPU 0" in [record.getMessage() for record in caplog.records]


def test_one_by_one_takes_the_rows_of_the_devices_tensor() -> None:
    with Engine(load_model(PINNED), EngineOptions(provider="cuda", max_batch=4, preprocess="dali")) as engine:
        found = engine.detect([np.zeros((32, 32, 3), np.uint8)] * 5)
    assert [result.label_ids.tolist() for result in found] == [[1, 2]] * 5


def test_jpegs_are_decoded_there_and_a_bad_one_fails_alone() -> None:
    jpeg = (PINNED.parent / "exif_orientation_6.jpg").read_bytes()
    decoder = DaliJpegDecoder(device=Device(kind="cuda"))
    first, bad, last = decoder.decode([jpeg, jpeg[: len(jpeg) // 2], jpeg])
    assert isinstance(bad, CorruptPictureError)
    for decoded in (first, last):
        assert isinstance(decoded, np.ndarray)
        assert np.abs(decoded.astype(float) - _core.decode_jpeg(jpeg)).mean() <= 3.0


def test_a_gpu_that_is_not_there_has_no_stream() -> None:
    assert gpu_count() >= 1
    assert new_stream(gpu_count()) is None
