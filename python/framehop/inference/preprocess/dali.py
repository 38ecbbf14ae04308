"""Preprocessing by NVIDIA DALI. On a GPU the tensor never lies in the host's memory; on the CPU the same pipeline runs there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from framehop._core import place
from framehop.errors import ClosedError, InvalidArgumentError, ModelError
from framehop.inference.device import Device
from framehop.inference.preprocess.dali_pipeline import PICTURES, SIZES, PipelineSpec, build_pipeline
from framehop.inference.preprocess.dali_runtime import import_dali, reason
from framehop.inference.spec import InputSpec, ResizeSpec
from framehop.inference.tensors import DeviceTensor

if TYPE_CHECKING:
    from nvidia.dali import Pipeline
    from nvidia.dali.tensors import TensorCPU, TensorGPU


class DaliPreprocessor:
    """A :class:`framehop.inference.preprocess.Preprocessor` whose tensors DALI owns. On the CPU its values differ from the native
    kernel's by at most 0.05 grey levels. Not thread-safe."""

    def __init__(self, spec: InputSpec, resize: ResizeSpec, *, max_batch: int, device: Device) -> None:
        """Build the pipeline. Raises MissingExtraError without DALI, ModelError if it cannot work on `device`."""
        import_dali()
        _check_runtime()
        self._spec = PipelineSpec(input=spec, resize=resize, max_batch=max_batch, device=device)
        self._closed = False
        self._built: Pipeline | None = None
        self._pipeline()

    def fill(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[DeviceTensor, NDArray[np.float64]]:
        """Fill a tensor of its own from `pictures`; see Preprocessor.fill. They are read in place, read-only ones too; only a
        picture whose pixels do not lie one after another is copied first. Raises InvalidArgumentError, ModelError, ClosedError."""
        _check(pictures, self._spec.max_batch)
        places = [self._place(picture) for picture in pictures]
        sizes = [np.array([height, width], np.float32) for _, _, width, height in places]
        tensor = self._run([np.ascontiguousarray(picture) for picture in pictures], sizes)
        return tensor, np.array([_transform(*pair) for pair in zip(places, pictures, strict=True)])

    def blank(self, count: int) -> DeviceTensor:
        return self.fill([np.zeros((1, 1, 3), np.uint8)] * count)[0]

    def close(self) -> None:
        self._closed = True
        self._built = None

    def _pipeline(self) -> Pipeline:
        """Return the pipeline. An error ends one for good, so the next call builds another."""
        if self._closed:
            raise ClosedError("the preprocessor is closed")
        if self._built is None:
            try:
                self._built = build_pipeline(self._spec)
            except Exception as error:  # DALI's errors have no common base class
                raise ModelError(f"DALI cannot work on {self._spec.device}: {reason(error)}") from error
        return self._built

    def _run(self, pictures: list[NDArray[np.uint8]], sizes: list[NDArray[np.float32]]) -> DeviceTensor:
        pipeline = self._pipeline()
        try:
            [filled] = pipeline.run(self._spec.device.stream, **{PICTURES: pictures, SIZES: sizes})
            return self._bindable(filled.as_tensor())
        except Exception as error:
            self._built = None
            raise ModelError(f"DALI failed on a batch of {len(pictures)}: {reason(error)}") from error

    def _bindable(self, tensor: TensorCPU | TensorGPU) -> DeviceTensor:
        """Hand the tensor to the runtime without a copy. With a stream of the runtime's, the runtime's work there follows DALI's;
        without one we wait here until DALI is done."""
        import onnxruntime

        device = self._spec.device
        capsule = tensor.__dlpack__(stream=device.stream.handle if device.stream else None)
        value = onnxruntime.OrtValue.from_dlpack(capsule)
        return DeviceTensor.of(value, np.dtype(self._spec.input.dtype), index=device.index)

    def _place(self, picture: NDArray[np.uint8]) -> tuple[int, int, int, int]:
        tensor = self._spec.input
        return place(
            mode=self._spec.resize.mode,
            width=picture.shape[1],
            height=picture.shape[0],
            input_width=tensor.width,
            input_height=tensor.height,
        )


def _check_runtime() -> None:
    """Raise ModelError if this ONNX Runtime cannot be handed another library's tensors."""
    import onnxruntime

    if not hasattr(onnxruntime.OrtValue, "from_dlpack"):
        raise ModelError(
            f"ONNX Runtime {onnxruntime.__version__} is too old to read DALI's tensors: install 1.26 or newer, or take"
            " --preprocess native"
        )


def _check(pictures: Sequence[NDArray[np.uint8]], max_batch: int) -> None:
    if not 1 <= len(pictures) <= max_batch:
        raise InvalidArgumentError(f"a batch has 1 to {max_batch} pictures, not {len(pictures)}")
    for index, picture in enumerate(pictures):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
            raise InvalidArgumentError(
                f"pictures[{index}] must be uint8 [H, W, 3], not {picture.dtype} {list(picture.shape)}"
            )


def _transform(placed: tuple[int, int, int, int], picture: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    x, y, width, height = placed
    return width / picture.shape[1], height / picture.shape[0], float(x), float(y)
