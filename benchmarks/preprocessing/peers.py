"""The code that others would write: OpenCV with and without its blob, and NumPy alone. Stands alone, for an interpreter without
framehop."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from benchmarks.preprocessing.cases import PAD, Case, Work
from benchmarks.preprocessing.one_run import FromJpeg, FromPixels, Picture, Tensor, measure


def _cv2() -> Any:
    cv2 = importlib.import_module("cv2")
    cv2.setNumThreads(1)
    return cv2


def _resized(cv2: Any, case: Case, picture: Picture) -> Picture:
    x, y, width, height = case.placed
    small: Picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    below, right = case.side - y - height, case.side - x - width
    if y or x:
        small = cv2.copyMakeBorder(small, y, below, x, right, cv2.BORDER_CONSTANT, value=(PAD,) * 3)
    return small


def _decoder(cv2: Any, case: Case, *, reduced: bool) -> Any:
    """Return what decodes to BGR: at full size, or at half of it where that is still enough."""
    _, _, width, height = case.placed
    enough = case.width >= 2 * width and case.height >= 2 * height
    flag = cv2.IMREAD_REDUCED_COLOR_2 if reduced and enough else cv2.IMREAD_COLOR
    return lambda jpeg: cv2.imdecode(np.frombuffer(jpeg, np.uint8), flag)


def _blob(cv2: Any, case: Case, resized: Picture, *, swap: bool) -> Tensor:
    """Return the tensor by cv2.dnn.blobFromImage, which has channels first; OpenCV's own functions where they come last."""
    if case.letterbox:
        return cv2.dnn.blobFromImage(resized, case.scale, swapRB=swap)[0]  # type: ignore[no-any-return]
    rgb = cv2.cvtColor(resized, cv2.COLOR_BGR2RGB) if swap else resized
    return cv2.multiply(rgb, (case.scale,) * 4, dtype=cv2.CV_32F) + np.float32(case.bias)  # type: ignore[no-any-return]


def _by_numpy(case: Case, resized: Picture, *, swap: bool) -> Tensor:
    rgb = resized[:, :, ::-1] if swap else resized
    ordered = rgb.transpose(2, 0, 1) if case.letterbox else rgb
    return np.ascontiguousarray(ordered, np.float32) * np.float32(case.scale) + np.float32(case.bias)


def blob_way(case: Case, work: Work) -> FromJpeg | FromPixels:
    cv2 = _cv2()
    if work == "pixels":
        return lambda picture: _blob(cv2, case, _resized(cv2, case, picture), swap=False)
    decode = _decoder(cv2, case, reduced=False)
    return lambda jpeg: _blob(cv2, case, _resized(cv2, case, decode(jpeg)), swap=True)


def reduced_way(case: Case, _work: Work) -> FromJpeg | FromPixels:
    cv2 = _cv2()
    decode = _decoder(cv2, case, reduced=True)
    return lambda jpeg: _blob(cv2, case, _resized(cv2, case, decode(jpeg)), swap=True)


def cv2_numpy_way(case: Case, work: Work) -> FromJpeg | FromPixels:
    cv2 = _cv2()
    if work == "pixels":
        return lambda picture: _by_numpy(case, _resized(cv2, case, picture), swap=False)
    decode = _decoder(cv2, case, reduced=False)
    return lambda jpeg: _by_numpy(case, _resized(cv2, case, decode(jpeg)), swap=True)


def numpy_way(case: Case, _work: Work) -> FromJpeg | FromPixels:
    """Bilinear with half-pixel centres, by indices."""
    x, y, width, height = case.placed
    columns, rows = _taps(case.width, width), _taps(case.height, height)

    def from_pixels(picture: Picture) -> Tensor:
        tall = _between(picture, rows, 0)
        canvas = np.full((case.side, case.side, 3), PAD, np.float32)
        canvas[y : y + height, x : x + width] = _between(tall, columns, 1)
        return _by_numpy_floats(case, canvas)

    return from_pixels


def _by_numpy_floats(case: Case, canvas: Tensor) -> Tensor:
    ordered = canvas.transpose(2, 0, 1) if case.letterbox else canvas
    return np.ascontiguousarray(ordered) * np.float32(case.scale) + np.float32(case.bias)


def _taps(source: int, resized: int) -> tuple[Any, Any, Any]:
    at = np.clip((np.arange(resized) + 0.5) * source / resized - 0.5, 0, source - 1)
    first = np.floor(at).astype(np.intp)
    return first, np.minimum(first + 1, source - 1), (at - first).astype(np.float32)


def _between(pixels: Any, taps: tuple[Any, Any, Any], axis: int) -> Tensor:
    first, second, weight = taps
    low, high = (np.take(pixels, index, axis).astype(np.float32) for index in (first, second))
    between: Tensor = low + (high - low) * weight.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    return between


if __name__ == "__main__":
    measure(
        {"cv2 blob": blob_way, "cv2 blob, half scale": reduced_way, "cv2 + NumPy": cv2_numpy_way, "NumPy": numpy_way}
    )
