"""DALI's tensors against the native kernel's, over everything that a model can ask for."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from framehop.inference.device import Device
from framehop.inference.preprocess import InputTensor
from framehop.inference.preprocess.dali import DaliPreprocessor
from framehop.inference.spec import InputSpec, PerChannel, ResizeSpec
from tests.dali import needs_dali

pytestmark = needs_dali

Pixels = NDArray[np.uint8]
Mode = Literal["stretch", "letterbox", "letterbox-topleft"]
Layout = Literal["NHWC", "NCHW"]
Colour = Literal["RGB", "BGR"]
Dtype = Literal["float32", "float16", "uint8"]

GREY_LEVELS = 0.05  # the largest difference allowed, before scale
ROUNDING: dict[Dtype, float] = {"float32": 4e-7, "float16": 1e-3}  # relative to the value

MODES, LAYOUTS, COLOURS = get_args(Mode), get_args(Layout), get_args(Colour)
ODD = [(1, 1), (1, 90), (90, 1), (2, 3), (33, 47), (299, 301)]


def tensor_of(
    width: int,
    height: int,
    *,
    layout: Layout = "NHWC",
    colour: Colour = "RGB",
    scale: PerChannel = 1.0,
    bias: PerChannel = 0.0,
    dtype: Dtype = "float32",
) -> InputSpec:
    return InputSpec(
        name="x", width=width, height=height, layout=layout, colour=colour, scale=scale, bias=bias, dtype=dtype
    )


def noise(width: int, height: int) -> Pixels:
    return np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), np.uint8)


def allowed(spec: InputSpec, native: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest difference allowed for each value; near a half, the two may round it to neighbours."""
    shape = (1, 1, 3) if spec.layout == "NHWC" else (3, 1, 1)
    scale = np.abs(np.array(spec.scales)).reshape(shape)
    exact = scale * GREY_LEVELS + ROUNDING["float32"] * (np.abs(native) + 255 * scale)
    rounded: NDArray[np.float64] = exact + (1.0 if spec.dtype == "uint8" else ROUNDING[spec.dtype] * np.abs(native))
    return rounded


def check(spec: InputSpec, resize: ResizeSpec, *pictures: Pixels) -> None:
    native, transforms = InputTensor(spec, resize, max_batch=len(pictures)).fill(pictures)
    expected = native.astype(np.float64)
    dali = DaliPreprocessor(spec, resize, max_batch=len(pictures) + 1, device=Device())
    tensor, dali_transforms = dali.fill(pictures)
    assert np.array_equal(dali_transforms, transforms)
    assert (tensor.shape, tensor.dtype, tensor.numpy().dtype) == (native.shape, native.dtype, native.dtype)
    assert (np.abs(tensor.numpy() - expected) <= allowed(spec, expected)).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("colour", COLOURS)
def test_every_mode_layout_and_colour(mode: Mode, layout: Layout, colour: Colour) -> None:
    spec = tensor_of(64, 48, layout=layout, colour=colour, scale=(0.0175, 0.5, -2.0), bias=(-2.1, 0.25, 9.0))
    check(spec, ResizeSpec(mode=mode, pad=33.5), noise(320, 240), noise(240, 320), *(noise(*size) for size in ODD))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("target", [(1, 1), (300, 300), (17, 5), (5, 18)])
def test_odd_sizes(mode: Mode, target: tuple[int, int]) -> None:
    check(tensor_of(*target, layout="NCHW"), ResizeSpec(mode=mode), *(noise(*size) for size in ODD))


def test_a_large_picture_in_a_large_input() -> None:
    check(tensor_of(640, 640, layout="NCHW", scale=1 / 255), ResizeSpec(mode="letterbox"), noise(1280, 720))


def test_a_channel_without_scale_is_its_bias() -> None:
    check(tensor_of(8, 8, scale=(0.0, 1.0, 1e-6), bias=(255.0, 0.0, 1e6)), ResizeSpec(mode="stretch"), noise(20, 10))


@settings(max_examples=40)
@given(
    sources=st.lists(st.tuples(st.integers(1, 130), st.integers(1, 130)), min_size=1, max_size=4),
    target=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    mode=st.sampled_from(MODES),
    layout=st.sampled_from(LAYOUTS),
    colour=st.sampled_from(COLOURS),
)
def test_any_size(
    sources: list[tuple[int, int]], target: tuple[int, int], mode: Mode, layout: Layout, colour: Colour
) -> None:
    spec = tensor_of(*target, layout=layout, colour=colour)
    check(spec, ResizeSpec(mode=mode), *(noise(*size) for size in sources))


def read_only(picture: Pixels) -> Pixels:
    picture.flags.writeable = False
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        read_only(noise(30, 20)),
        noise(100, 80)[5:75:3, 11:60],
        noise(100, 80)[:, ::2],
        noise(30, 20)[::-1],
        noise(30, 20)[:, :, ::-1],
    ],
    ids=["read-only", "window", "every other column", "upside down", "channels turned"],
)
def test_views_are_taken_as_they_look(picture: Pixels) -> None:
    spec, resize = tensor_of(16, 16), ResizeSpec(mode="letterbox")
    native, _ = InputTensor(spec, resize, max_batch=1).fill([np.ascontiguousarray(picture)])
    tensor, _ = DaliPreprocessor(spec, resize, max_batch=1, device=Device()).fill([picture])
    assert (np.abs(tensor.numpy() - native) <= GREY_LEVELS).all()


@pytest.mark.parametrize("dtype", ["float16", "uint8"])
@pytest.mark.parametrize("mode", MODES)
def test_tensors_of_other_types_are_rounded_alike(dtype: Dtype, mode: Mode) -> None:
    spec = tensor_of(20, 14, layout="NCHW", colour="BGR", scale=(1.0, 0.5, 1.2), bias=(0.0, 20.0, -9.0), dtype=dtype)
    check(spec, ResizeSpec(mode=mode, pad=250.0), noise(50, 40), noise(3, 3))
