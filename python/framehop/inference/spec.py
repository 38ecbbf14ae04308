"""The content of `model.yaml`: all that is needed to feed a network and to read its outputs. Users read docs/models.md."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec

from framehop.inference.head_specs import HeadSpec, LabelId

PerChannel = float | tuple[float, float, float]
Side = Annotated[int, msgspec.Meta(ge=1, le=4096)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class InputSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network's input. A value of the tensor is `pixel * scale + bias`, per channel in the model's own order."""

    name: str
    width: Side
    height: Side
    layout: Literal["NHWC", "NCHW"]
    colour: Literal["RGB", "BGR"]
    scale: PerChannel = 1.0
    bias: PerChannel = 0.0

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
