"""JPEGs decoded by NVIDIA DALI, for programs that hand pictures to an engine themselves. Pipelines decode in C++, into slots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from framehop._core import read_jpeg_header
from framehop.errors import (
    ClosedError,
    CorruptPictureError,
    InvalidArgumentError,
    ModelError,
    OutOfMemoryError,
    PictureError,
    PictureTooLargeError,
    is_out_of_memory,
)
from framehop.inference.device import Device
from framehop.inference.preprocess.dali_runtime import import_dali, reason

if TYPE_CHECKING:
    from nvidia.dali import Pipeline

Decoded = NDArray[np.uint8] | PictureError

_JPEGS = "jpegs"
_MAX_PIXELS = 67_108_864


class DaliJpegDecoder:
    """Decodes batches of JPEGs, on a GPU by its own decoder. A broken one ends DALI's pipeline and takes its batch along: then
    another pipeline is built, and the batch is decoded one by one, so that the broken one fails alone. Not thread-safe."""

    def __init__(self, *, max_batch: int = 8, max_pixels: int = _MAX_PIXELS, device: Device | None = None) -> None:
        """Build the pipeline. `max_batch`: JPEGs at once, 1–256. `max_pixels`: a JPEG that claims more is refused by its header.
        `device`: where to decode; the CPU if left out. Raises MissingExtraError without DALI, ModelError if it cannot decode there.
        """
        if not 1 <= max_batch <= 256:
            raise InvalidArgumentError(f"max_batch must be 1 to 256, not {max_batch}")
        import_dali()
        self._max_batch, self._max_pixels, self._device = max_batch, max_pixels, device or Device()
        self._closed = False
        self._built: Pipeline | None = None
        self._pipeline()

    def decode(self, jpegs: Sequence[bytes]) -> list[Decoded]:
        """Return for each JPEG its picture, uint8 [H, W, 3], RGB, turned upright and owned by the caller, or the error that tells
        what is wrong with it. Raises OutOfMemoryError, ModelError when the device fails, ClosedError."""
        results: list[Decoded | None] = [_refusal(jpeg, self._max_pixels) for jpeg in jpegs]
        sound = [index for index, refused in enumerate(results) if refused is None]
        for first in range(0, len(sound), self._max_batch):
            part = sound[first : first + self._max_batch]
            for index, decoded in zip(part, self._together([jpegs[index] for index in part]), strict=True):
                results[index] = decoded
        return [result for result in results if result is not None]

    def close(self) -> None:
        """Free what DALI holds; `decode` then raises ClosedError. Closing twice is harmless."""
        self._closed = True
        self._built = None

    def _together(self, jpegs: list[bytes]) -> list[Decoded]:
        pipeline = self._pipeline()
        try:
            [pictures] = pipeline.run(**{_JPEGS: [np.frombuffer(jpeg, np.uint8) for jpeg in jpegs]})
            return [np.array(pictures.as_cpu().at(index)) for index in range(len(jpegs))]
        except Exception as error:  # DALI's errors have no common base class
            self._built = None
            if is_out_of_memory(error):
                raise OutOfMemoryError(f"DALI has no memory to decode {len(jpegs)} JPEGs: {reason(error)}") from error
            if len(jpegs) == 1:
                return [CorruptPictureError(f"damaged JPEG ({len(jpegs[0])} bytes): {reason(error)}")]
        return [decoded for jpeg in jpegs for decoded in self._together([jpeg])]

    def _pipeline(self) -> Pipeline:
        if self._closed:
            raise ClosedError("the decoder is closed")
        if self._built is None:
            try:
                self._built = _build(self._max_batch, self._device)
            except Exception as error:
                raise ModelError(f"DALI cannot decode JPEGs on {self._device}: {reason(error)}") from error
        return self._built


def _refusal(jpeg: bytes, max_pixels: int) -> PictureError | None:
    """Return why this is no JPEG, or one that is too large. DALI decodes other formats too, and believes what a header claims."""
    try:
        header = read_jpeg_header(jpeg)
    except PictureError as error:
        return error
    if header.width * header.height > max_pixels:
        return PictureTooLargeError(f"{header.width}x{header.height} pixels are over the limit of {max_pixels}")
    return None


def _build(max_batch: int, device: Device) -> Pipeline:
    from nvidia.dali import Pipeline, fn, types

    on_gpu = device.kind == "cuda"
    pipeline = Pipeline(
        batch_size=max_batch,
        num_threads=1,
        device_id=device.index if on_gpu else None,
        exec_dynamic=True,
        prefetch_queue_depth=1,
    )
    with pipeline:
        pictures = fn.decoders.image(
            fn.external_source(name=_JPEGS, dtype=types.UINT8, ndim=1, no_copy=True),
            device="mixed" if on_gpu else "cpu",
            output_type=types.RGB,
            adjust_orientation=True,  # as our own decoder does
            jpeg_fancy_upsampling=True,
        )
        pipeline.set_outputs(pictures)
    pipeline.build()
    return pipeline
