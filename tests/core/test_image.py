"""The preprocessing kernel against a NumPy reference of the formula in cpp/include/framehop/image/preprocess.hpp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from framehop import _core
from framehop.errors import InvalidArgumentError
from framehop.inference.preprocess import InputTensor
from framehop.inference.spec import InputSpec, ResizeSpec

Pixels = NDArray[np.uint8]
Tensor = NDArray[np.float32]
Element = type[np.float16] | type[np.uint8]
Mode = Literal["stretch", "letterbox", "letterbox-topleft"]
Layout = Literal["NHWC", "NCHW"]
Colour = Literal["RGB", "BGR"]
Triple = tuple[float, float, float]

GREY_LEVEL = 1e-3  # largest difference allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    width: int
    height: int
    mode: Mode = "stretch"
    layout: Layout = "NHWC"
    colour: Colour = "RGB"
    scale: Triple = (1.0, 1.0, 1.0)
    bias: Triple = (0.0, 0.0, 0.0)
    pad: float = 114.0

    def preprocessor(self) -> _core.Preprocessor:
        return _core.Preprocessor(
            width=self.width,
            height=self.height,
            mode=self.mode,
            layout=self.layout,
            colour=self.colour,
            scale=self.scale,
            bias=self.bias,
            pad=self.pad,
        )

    def empty(self, count: int) -> Tensor:
        shape = (self.height, self.width, 3) if self.layout == "NHWC" else (3, self.height, self.width)
        return np.full((count, *shape), np.nan, np.float32)


def taps(source: int, resized: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    at = np.clip((np.arange(resized) + 0.5) * source / resized - 0.5, 0, source - 1)
    first = np.floor(at).astype(np.intp)
    return first, np.minimum(first + 1, source - 1), at - first


def resize(picture: Pixels, width: int, height: int) -> NDArray[np.float64]:
    pixels = picture.astype(np.float64)
    i, j, f = taps(picture.shape[0], height)
    rows = pixels[i] + (pixels[j] - pixels[i]) * f[:, None, None]
    i, j, f = taps(picture.shape[1], width)
    return rows[:, i] + (rows[:, j] - rows[:, i]) * f[None, :, None]


def fit(spec: Spec, width: int, height: int) -> tuple[int, int]:
    """Resized width and height, in exact arithmetic: floor(side * s + 1/2), at least 1."""
    if spec.mode == "stretch":
        return spec.width, spec.height
    if spec.width * height <= spec.height * width:
        return spec.width, max(1, (2 * height * spec.width + width) // (2 * width))
    return max(1, (2 * width * spec.height + height) // (2 * height)), spec.height


def reference(spec: Spec, picture: Pixels) -> tuple[NDArray[np.float64], tuple[float, ...]]:
    height, width = picture.shape[:2]
    w, h = fit(spec, width, height)
    x, y = ((spec.width - w) // 2, (spec.height - h) // 2) if spec.mode == "letterbox" else (0, 0)
    canvas = np.full((spec.height, spec.width, 3), spec.pad)
    canvas[y : y + h, x : x + w] = resize(picture, w, h)
    if spec.colour == "BGR":
        canvas = canvas[:, :, ::-1]
    canvas = canvas * np.array(spec.scale, np.float32) + np.array(spec.bias, np.float32)
    return (canvas if spec.layout == "NHWC" else canvas.transpose(2, 0, 1)), (w / width, h / height, x, y)


def noise(width: int, height: int) -> Pixels:
    return np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), np.uint8)


def check(spec: Spec, *pictures: Pixels) -> None:
    out = spec.empty(len(pictures))
    transforms = spec.preprocessor().run(pictures, out)
    assert transforms.shape == (len(pictures), 4)
    for picture, tensor, transform in zip(pictures, out, transforms, strict=True):
        expected, expected_transform = reference(spec, picture)
        assert np.abs(tensor - expected).max() < GREY_LEVEL * max(map(abs, spec.scale))
        assert tuple(transform) == pytest.approx(expected_transform, abs=1e-12)


@pytest.mark.parametrize("mode", get_args(Mode))
@pytest.mark.parametrize("layout", get_args(Layout))
@pytest.mark.parametrize("colour", get_args(Colour))
def test_every_mode_layout_and_colour(mode: Mode, layout: Layout, colour: Colour) -> None:
    spec = Spec(width=64, height=48, mode=mode, layout=layout, colour=colour)
    check(spec, noise(320, 240), noise(240, 320), noise(33, 47), noise(1, 1))


def rounded(exact: Tensor, element: Element) -> NDArray[Any]:
    """NumPy rounds both to the nearest, ties to even; beyond the range it makes halves infinite and wraps bytes."""
    with np.errstate(over="ignore"):
        return (np.clip(np.rint(exact), 0, 255) if element is np.uint8 else exact).astype(element)


@pytest.mark.parametrize("element", [np.float16, np.uint8])
@pytest.mark.parametrize("layout", get_args(Layout))
@pytest.mark.parametrize(
    ("scale", "bias"),
    [
        ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)),
        ((0.5, 0.25, 1.0), (0.0, 0.5, -20.5)),
        ((1 / 58.4, -3.0, 1e-7), (-2.1, 300.0, 0.0)),
        ((400.0, -400.0, 1e30), (0.0, 0.0, 1e30)),
    ],
    ids=["pixels", "ties", "normalised", "beyond the range"],
)
def test_halves_and_bytes_are_the_floats_rounded_once(
    element: Element, layout: Layout, scale: Triple, bias: Triple
) -> None:
    spec = Spec(width=61, height=43, mode="letterbox", layout=layout, colour="BGR", scale=scale, bias=bias, pad=101.0)
    pictures = [noise(90, 80), noise(7, 45)]
    exact = spec.empty(2)
    narrow: NDArray[Any] = np.zeros(exact.shape, element)
    expected_transforms = spec.preprocessor().run(pictures, exact)
    assert np.array_equal(spec.preprocessor().run(pictures, narrow), expected_transforms)
    assert narrow.tobytes() == rounded(exact, element).tobytes()


@settings(max_examples=40)
@given(width=st.integers(1, 40), to=st.integers(1, 40), element=st.sampled_from([np.float16, np.uint8]))
def test_rows_of_any_width_are_rounded_to_their_end(width: int, to: int, element: Element) -> None:
    spec = Spec(width=to, height=3, layout="NCHW", scale=(0.1, 1.0, 3.0))
    exact = spec.empty(1)
    narrow: NDArray[Any] = np.zeros(exact.shape, element)
    for out in (exact, narrow):
        spec.preprocessor().run([noise(width, 5)], out)
    assert narrow.tobytes() == rounded(exact, element).tobytes()


def test_an_input_tensor_has_the_dtype_of_its_spec() -> None:
    spec = InputSpec(name="x", width=8, height=6, layout="NHWC", colour="RGB", dtype="uint8")
    tensor = InputTensor(spec, ResizeSpec(mode="stretch"), max_batch=3)
    picture = noise(8, 6)
    batch, _ = tensor.fill([picture, picture])
    assert batch.dtype == np.uint8
    assert np.array_equal(batch, np.stack([picture, picture]))
    assert not tensor.blank(3).any()


@pytest.mark.parametrize("source", [(1, 1), (1, 90), (90, 1), (2, 2), (3, 5), (299, 301), (1280, 720)])
@pytest.mark.parametrize("target", [(1, 1), (300, 300), (17, 5), (416, 416)])
def test_down_up_and_odd_sizes(source: tuple[int, int], target: tuple[int, int]) -> None:
    check(Spec(width=target[0], height=target[1], mode="letterbox", layout="NCHW"), noise(*source))
    check(Spec(width=target[0], height=target[1]), noise(*source))


def test_scale_bias_and_padding_are_in_the_models_channel_order() -> None:
    check(
        Spec(
            width=50,
            height=70,
            mode="letterbox-topleft",
            layout="NCHW",
            colour="BGR",
            scale=(0.0175, 0.5, -2.0),
            bias=(-2.1, 0.25, 9.0),
            pad=33.5,
        ),
        noise(80, 60),
    )


@settings(max_examples=60)
@given(
    source=st.tuples(st.integers(1, 130), st.integers(1, 130)),
    target=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    mode=st.sampled_from(get_args(Mode)),
    layout=st.sampled_from(get_args(Layout)),
)
def test_any_size(source: tuple[int, int], target: tuple[int, int], mode: Mode, layout: Layout) -> None:
    check(Spec(width=target[0], height=target[1], mode=mode, layout=layout), noise(*source))


@given(
    source=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    target=st.tuples(st.integers(1, 700), st.integers(1, 700)),
    mode=st.sampled_from(get_args(Mode)),
)
def test_place_tells_where_a_picture_comes_to_lie(source: tuple[int, int], target: tuple[int, int], mode: Mode) -> None:
    spec = Spec(width=target[0], height=target[1], mode=mode)
    width, height = fit(spec, *source)
    x, y = ((spec.width - width) // 2, (spec.height - height) // 2) if mode == "letterbox" else (0, 0)
    found = _core.place(mode=mode, width=source[0], height=source[1], input_width=target[0], input_height=target[1])
    assert found == (x, y, width, height)


@pytest.mark.parametrize(
    ("name", "value"),
    [("mode", "crop"), ("width", 0), ("height", -1), ("width", 1 << 40), ("input_width", 16_385), ("input_height", 0)],
)
def test_a_senseless_placement_is_refused(name: str, value: object) -> None:
    sides: dict[str, object] = {"mode": "letterbox", "width": 8, "height": 8, "input_width": 8, "input_height": 8}
    with pytest.raises(InvalidArgumentError, match=name):
        _core.place(**(sides | {name: value}))  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", get_args(Mode))
def test_transform_takes_a_boxs_corners_into_the_input(mode: Mode) -> None:
    """A white box on black: its edges in the input lie where the transform says, to half a pixel."""
    picture = np.zeros((720, 1280, 3), np.uint8)
    box = np.array([320, 180, 960, 420])
    picture[box[1] : box[3], box[0] : box[2]] = 255
    spec = Spec(width=416, height=300, mode=mode, pad=0.0)
    out = spec.empty(1)
    scale_x, scale_y, pad_x, pad_y = spec.preprocessor().run([picture], out)[0]
    ys, xs = np.nonzero(out[0, :, :, 0] > 127)
    found = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    expected = box * [scale_x, scale_y, scale_x, scale_y] + [pad_x, pad_y, pad_x, pad_y]
    assert np.abs(found - expected).max() <= 0.5


def test_strided_rows_and_read_only_pictures_are_read_in_place() -> None:
    whole = noise(100, 80)
    whole.flags.writeable = False
    window = whole[5:75:3, 11:60]
    spec = Spec(width=30, height=20)
    strided, contiguous = spec.empty(1), spec.empty(1)
    spec.preprocessor().run([window], strided)
    spec.preprocessor().run([window.copy()], contiguous)
    assert np.array_equal(strided, contiguous)


def test_places_beyond_the_batch_are_left_alone() -> None:
    spec = Spec(width=8, height=8)
    out = spec.empty(3)
    assert spec.preprocessor().run([noise(5, 5)], out).shape == (1, 4)
    assert not np.isnan(out[0]).any()
    assert np.isnan(out[1:]).all()
    assert spec.preprocessor().run([], out).shape == (0, 4)


NHWC = Spec(width=8, height=6)


def misaligned() -> Tensor:
    return np.frombuffer(bytearray(8 * 6 * 3 * 4 + 1), np.uint8)[1:].view(np.float32).reshape(1, 6, 8, 3)


def read_only() -> Tensor:
    out = NHWC.empty(1)
    out.flags.writeable = False
    return out


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((1, 6, 8, 3), np.float64),
        np.zeros((1, 3, 6, 8), np.float32),
        np.zeros((1, 8, 6, 3), np.float32),
        np.zeros((6, 8, 3), np.float32),
        np.zeros((0, 6, 8, 3), np.float32),
        np.zeros((1, 6, 16, 3), np.float32)[:, :, ::2],
        np.zeros((1, 6, 8, 3), ">f4"),
        np.zeros((1, 6, 8, 3), ">f2"),
        np.zeros((1, 6, 8, 3), np.int8),
        misaligned(),
        read_only(),
        None,
    ],
)
def test_any_other_output_is_refused(out: object) -> None:
    with pytest.raises(InvalidArgumentError, match="out"):
        NHWC.preprocessor().run([noise(4, 4)], cast("Tensor", out))


def test_any_other_picture_is_refused_before_anything_is_written() -> None:
    out = NHWC.empty(2)
    for bad in (np.zeros((4, 4, 3), np.int8), np.zeros((4, 4), np.uint8), noise(4, 4)[:, ::2], "picture"):
        with pytest.raises(InvalidArgumentError, match=r"pictures\[1\]"):
            NHWC.preprocessor().run([noise(4, 4), cast("Pixels", bad)], out)
    assert np.isnan(out).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0),
        ("width", -1),
        ("height", 1 << 40),
        ("mode", "crop"),
        ("layout", "HWC"),
        ("colour", "rgb"),
        ("scale", (1.0, float("nan"), 1.0)),
        ("bias", (1.0, 1.0, float("inf"))),
        ("pad", -1.0),
        ("pad", float("nan")),
    ],
)
def test_senseless_options_are_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        _core.Preprocessor(**{"width": 8, "height": 8, name: value})  # type: ignore[arg-type]
