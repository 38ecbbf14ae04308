"""The DALI pipeline that does what the native kernel does, on the CPU or on a GPU. The formula stands in
cpp/include/framehop/image/preprocess.hpp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from framehop.inference.device import Device
from framehop.inference.spec import InputSpec, ResizeSpec

if TYPE_CHECKING:
    from nvidia.dali import Pipeline
    from nvidia.dali.data_node import DataNode

PICTURES, SIZES = "pictures", "sizes"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSpec:
    """The values that a pipeline is built from. `max_batch`: the most pictures of one run."""

    input: InputSpec
    resize: ResizeSpec
    max_batch: int
    device: Device


def build_pipeline(spec: PipelineSpec) -> Pipeline:
    """Build a pipeline with two inputs, fed by name: PICTURES, uint8 [H, W, 3] each, read in place; and SIZES, float32 [2] each,
    the height and width in pixels to which a picture is resized. Its output is the tensor. Errors are DALI's.

    One run reads its inputs before it ends, and no run works ahead: the pictures are the caller's, and the next do not exist yet.
    """
    from nvidia.dali import Pipeline

    pipeline = Pipeline(
        batch_size=spec.max_batch,
        num_threads=1,  # the cores belong to decoding and to the network
        device_id=spec.device.index if spec.device.kind == "cuda" else None,
        exec_dynamic=True,  # each run's output is memory of its own: an earlier executor would overwrite it
        prefetch_queue_depth=1,
    )
    with pipeline:
        pipeline.set_outputs(_tensor(spec))
    pipeline.build()
    return pipeline


def _tensor(spec: PipelineSpec) -> DataNode:
    pixels = _in_order(spec.input.colour, _resized(spec.device))
    return _placed(spec, pixels * _constant(spec, spec.input.scales) + _constant(spec, spec.input.biases))


def _resized(device: Device) -> DataNode:
    """Resize to float32, since resizing to bytes rounds: half a grey level."""
    from nvidia.dali import fn, types

    pictures = fn.external_source(name=PICTURES, layout="HWC", dtype=types.UINT8, ndim=3, no_copy=True)
    sizes = fn.external_source(name=SIZES, dtype=types.FLOAT, ndim=1, no_copy=True)
    return fn.resize(
        pictures.gpu() if device.kind == "cuda" else pictures,
        size=sizes,
        interp_type=types.INTERP_LINEAR,
        antialias=False,
        dtype=types.FLOAT,
    )


def _in_order(colour: Literal["RGB", "BGR"], pixels: DataNode) -> DataNode:
    from nvidia.dali import fn

    if colour == "RGB":
        return pixels
    return fn.cat(*(pixels[:, :, channel : channel + 1] for channel in (2, 1, 0)), axis=2)


def _constant(spec: PipelineSpec, values: tuple[float, float, float]) -> DataNode:
    from nvidia.dali import types

    return types.Constant(np.array(values, np.float32), device="gpu" if spec.device.kind == "cuda" else "cpu")


def _placed(spec: PipelineSpec, values: DataNode) -> DataNode:
    """Pad to the input's size, and lay out. A crop larger than its picture pads it; "truncate" puts the odd pixel of a centred one
    to the right and below, as the native kernel does."""
    from nvidia.dali import fn, types

    centre = 0.5 if spec.resize.mode == "letterbox" else 0.0
    return fn.crop_mirror_normalize(
        values,
        crop=(spec.input.height, spec.input.width),
        crop_pos_x=centre,
        crop_pos_y=centre,
        rounding="truncate",
        out_of_bounds_policy="pad",
        fill_values=_padding(spec),
        output_layout="CHW" if spec.input.layout == "NCHW" else "HWC",
        dtype={"float32": types.FLOAT, "float16": types.FLOAT16, "uint8": types.UINT8}[spec.input.dtype],
    )


def _padding(spec: PipelineSpec) -> list[float]:
    """Return the padding's value in each channel. DALI rounds pixels to bytes and clamps them, but not what it pads with."""
    channels = zip(spec.input.scales, spec.input.biases, strict=True)
    values = [spec.resize.pad * scale + bias for scale, bias in channels]
    return [min(255.0, max(0.0, float(round(value)))) for value in values] if spec.input.dtype == "uint8" else values
