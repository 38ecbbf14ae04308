"""The description of a model: `ModelSpec` has all that is needed to feed a network and to read its outputs, and `Overrides` is the
content of `model.yaml`. Users read docs/models.md."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec

from framehop.inference.head_specs import HeadSpec, LabelId
from framehop.types import ResizeMode

PerChannel = float | tuple[float, float, float]
Side = Annotated[int, msgspec.Meta(ge=1, le=4096)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Labels = Annotated[dict[LabelId, Label], msgspec.Meta(max_length=65_536)]
TensorName = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
ModelName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Version = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
FileName = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]
Pixel = Annotated[float, msgspec.Meta(ge=0.0, le=255.0)]
Candidates = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Objects = Annotated[int, msgspec.Meta(ge=1, le=4096)]  # one answer of the hop carries up to 4096

Layout = Literal["NHWC", "NCHW"]
Colour = Literal["RGB", "BGR"]
Dtype = Literal["float32", "float16", "uint8"]
ExtraInput = Literal["canvas-wh", "canvas-hw", "scale-factor-one", "ones-mask"]


def _per_channel(value: PerChannel) -> tuple[float, float, float]:
    return value if isinstance(value, tuple) else (value, value, value)


class InputSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network's input. A value of the tensor is `pixel * scale + bias`, per channel in the model's own order. `extra`: what the
    other inputs get, by name: the canvas' sides (width first or height first), ones, or a mask of ones."""

    name: TensorName
    width: Side
    height: Side
    layout: Layout
    colour: Colour
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

    mode: ResizeMode
    pad: Pixel = 114.0


class NmsSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Non-maximum suppression. `max_candidates`: only so many of the best boxes are compared, which bounds the work."""

    iou: Share = 0.5
    class_agnostic: bool = True
    max_candidates: Candidates = 1000


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole description of a model. An id without a label is shown as its number."""

    name: ModelName
    version: Version
    file: FileName
    input: InputSpec
    resize: ResizeSpec
    head: HeadSpec
    labels: Labels
    sha256: Sha256 = ""
    task: Literal["detection"] = "detection"
    score_threshold: Share = 0.5
    nms: NmsSpec = NmsSpec()
    max_objects: Objects = 100


class InputOverrides(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys below `input` in `model.yaml`; None is left to recognition."""

    name: TensorName | None = None
    width: Side | None = None
    height: Side | None = None
    layout: Layout | None = None
    colour: Colour | None = None
    dtype: Dtype | None = None
    scale: PerChannel | None = None
    bias: PerChannel | None = None
    extra: dict[TensorName, ExtraInput] | None = None

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*_per_channel(self.scale or 0.0), *_per_channel(self.bias or 0.0)))):
            raise ValueError("scale and bias must be finite numbers")


class ResizeOverrides(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys below `resize` in `model.yaml`; None is left to recognition."""

    mode: ResizeMode | None = None
    pad: Pixel | None = None


class NmsOverrides(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys below `nms` in `model.yaml`; None is left to recognition."""

    iou: Share | None = None
    class_agnostic: bool | None = None
    max_candidates: Candidates | None = None


class Overrides(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `model.yaml`: each key replaces what recognition would choose, and None leaves it to recognition. `head` holds
    a name and, of that head's keys, those that are given; :mod:`framehop.inference.head_overrides` has checked it."""

    name: ModelName | None = None
    version: Version | None = None
    file: FileName | None = None
    sha256: Sha256 = ""
    task: Literal["detection"] = "detection"
    input: InputOverrides = InputOverrides()
    resize: ResizeOverrides = ResizeOverrides()
    head: dict[str, object] | None = None
    labels: Annotated[dict[LabelId, Label], msgspec.Meta(min_length=1, max_length=65_536)] | None = None
    score_threshold: Share | None = None
    nms: NmsOverrides = NmsOverrides()
    max_objects: Objects | None = None
