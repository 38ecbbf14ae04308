"""The content of `model.yaml`: all that is needed to feed a network and to read its outputs. Users read docs/models.md."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec

PerChannel = float | tuple[float, float, float]
Side = Annotated[int, msgspec.Meta(ge=1, le=4096)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
LabelId = Annotated[int, msgspec.Meta(ge=0, le=2**30)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
TensorName = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]

Dtype = Literal["float32", "float16", "uint8"]
ExtraInput = Literal["canvas-wh", "canvas-hw", "scale-factor-one", "ones-mask"]


class InputSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network's input. A value of the tensor is `pixel * scale + bias`, per channel in the model's own order. `extra`: what the
    other inputs get, by name: the canvas' sides (width first or height first), ones, or a mask of ones."""

    name: TensorName
    width: Side
    height: Side
    layout: Literal["NHWC", "NCHW"]
    colour: Literal["RGB", "BGR"]
    dtype: Dtype = "float32"
    scale: PerChannel = 1.0
    bias: PerChannel = 0.0
    extra: dict[TensorName, ExtraInput] = {}

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.scales, *self.biases))):
            raise ValueError("scale and bias must be finite numbers")

    @property
    def scales(self) -> tuple[float, float, float]:
        return _per_channel(self.scale)

    @property
    def biases(self) -> tuple[float, float, float]:
        return _per_channel(self.bias)

    @property
    def item_shape(self) -> tuple[int, int, int]:
        """The tensor's shape without the batch."""
        return (self.height, self.width, 3) if self.layout == "NHWC" else (3, self.height, self.width)


class ResizeSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The way a picture is resized to `width` × `height`. `pad`: pixel value around a letterboxed picture."""

    mode: Literal["stretch", "letterbox", "letterbox-topleft"]
    pad: Annotated[float, msgspec.Meta(ge=0.0, le=255.0)] = 114.0


class SsdSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name", tag="ssd"):
    """The SSD head. `scores`, `boxes`: names of outputs. `first_label_id`: the label id of column 0 of the scores."""

    scores: str
    boxes: str
    first_label_id: LabelId = 0


class YoloxSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name", tag="yolox"):
    """The YOLOX head. `output`: name of the one output. `strides`: input pixels per cell of each grid, in the output's order.
    `first_label_id`: the label id of the first class."""

    output: str
    strides: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=1, le=1024)], ...], msgspec.Meta(min_length=1, max_length=8)
    ] = (8, 16, 32)
    first_label_id: LabelId = 0


HeadSpec = SsdSpec | YoloxSpec


class NmsSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Non-maximum suppression. `max_candidates`: only so many of the best boxes are compared, which bounds the work."""

    iou: Share = 0.5
    class_agnostic: bool = True
    max_candidates: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000


class Sidecar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `model.yaml`."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    file: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    input: InputSpec
    resize: ResizeSpec
    head: HeadSpec
    labels: Annotated[dict[LabelId, Label], msgspec.Meta(min_length=1, max_length=65_536)]
    sha256: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")] = ""
    task: Literal["detection"] = "detection"
    score_threshold: Share = 0.5
    nms: NmsSpec = NmsSpec()
    max_objects: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 100  # one answer of the hop carries up to 4096


def _per_channel(value: PerChannel) -> tuple[float, float, float]:
    return value if isinstance(value, tuple) else (value, value, value)
