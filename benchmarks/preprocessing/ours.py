"""framehop's own way, the bare decoder that it is measured against, and DALI by framehop's adapter."""

from __future__ import annotations

import numpy as np

from benchmarks.preprocessing.cases import PAD, Case, Work
from benchmarks.preprocessing.one_run import FromJpeg, FromPixels, Picture, Tensor, measure
from benchmarks.whole_worker.turbojpeg import TurboJpeg
from framehop import decode_jpeg
from framehop.inference.device import Device
from framehop.inference.preprocess import InputTensor, Preprocessor
from framehop.inference.preprocess.dali import DaliPreprocessor
from framehop.inference.preprocess.dali_jpeg import DaliJpegDecoder
from framehop.inference.spec import InputSpec, ResizeSpec
from framehop.types import Need


def input_spec(case: Case) -> InputSpec:
    return InputSpec(
        name="input",
        width=case.side,
        height=case.side,
        layout="NCHW" if case.letterbox else "NHWC",
        colour="RGB",
        dtype="float32",
        scale=case.scale,
        bias=case.bias,
    )


def resize_spec(case: Case) -> ResizeSpec:
    return ResizeSpec(mode="letterbox" if case.letterbox else "stretch", pad=PAD)


def need(case: Case) -> Need:
    return Need(width=case.side, height=case.side, fit=resize_spec(case).mode)


def framehop_way(case: Case, work: Work) -> FromJpeg | FromPixels:
    kernel = InputTensor(input_spec(case), resize_spec(case), max_batch=1)
    return _with(kernel, case, work)


def dali_way(case: Case, work: Work) -> FromJpeg | FromPixels:
    kernel = DaliPreprocessor(input_spec(case), resize_spec(case), max_batch=1, device=Device())
    if work == "pixels":
        return lambda picture: _first(kernel, picture)
    decoder = DaliJpegDecoder(max_batch=1)

    def from_jpeg(jpeg: bytes) -> Tensor:
        [picture] = decoder.decode([jpeg])
        assert isinstance(picture, np.ndarray), "the workload's own JPEG does not decode"
        return _first(kernel, picture)

    return from_jpeg


def bare_way(case: Case, work: Work) -> FromJpeg | FromPixels:
    """Decode as framehop does and do nothing with the pixels; without a JPEG, write as many bytes as the tensor has."""
    tensor = np.zeros((3, case.side, case.side), np.float32)
    if work == "pixels":

        def fill(_: Picture) -> Tensor:
            tensor.fill(0.5)
            return tensor

        return fill
    jpeg, buffer = TurboJpeg(need(case)), np.zeros(case.width * case.height * 3, np.uint8)

    def decode(data: bytes) -> Tensor:
        jpeg.decode(data, buffer)
        return tensor

    return decode


def _first(kernel: Preprocessor, picture: Picture) -> Tensor:
    batch, _ = kernel.fill([picture])
    rows = batch if isinstance(batch, np.ndarray) else batch.numpy()
    first: Tensor = rows[0]
    return first


def _with(kernel: Preprocessor, case: Case, work: Work) -> FromJpeg | FromPixels:
    def from_pixels(picture: Picture) -> Tensor:
        return _first(kernel, picture)

    wanted = need(case)

    def from_jpeg(jpeg: bytes) -> Tensor:
        return from_pixels(decode_jpeg(jpeg, min_width=wanted.width, min_height=wanted.height, fit=wanted.fit))

    return from_pixels if work == "pixels" else from_jpeg


if __name__ == "__main__":
    measure({"framehop": framehop_way, "limit": bare_way, "DALI": dali_way})
