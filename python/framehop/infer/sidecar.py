"""A model's sidecar, `model.yaml`: everything that is needed to feed the network and to read its outputs."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

from framehop.errors import ModelError
from framehop.strict import to_struct

MAX_SIDECAR_BYTES = 1 << 20
MAX_MODEL_BYTES = (1 << 31) - 1  # what protobuf can hold in one message, and so ONNX without external data

PerChannel = float | tuple[float, float, float]
HeadParam = str | bool | int | float | list[int]
Side = Annotated[int, msgspec.Meta(ge=1, le=4096)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class InputSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network's input. A value of the tensor is `pixel * scale + bias`, per channel in the model's own order."""

    width: Side
    height: Side
    layout: Literal["NHWC", "NCHW"]
    colour: Literal["RGB", "BGR"]
    name: str = ""
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


class ResizeSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a picture becomes `width` × `height`. `pad`: pixel value around a letterboxed picture."""

    mode: Literal["stretch", "letterbox", "letterbox-topleft"]
    pad: Annotated[float, msgspec.Meta(ge=0.0, le=255.0)] = 114.0


class HeadSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which head reads the outputs; `params` are that head's own."""

    name: str
    params: dict[str, HeadParam] = {}


class NmsSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`max_candidates`: only so many of the best boxes are compared, which bounds the work."""

    iou: Share = 0.5
    class_agnostic: bool = True
    max_candidates: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000


class Sidecar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `model.yaml`."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    file: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    input: InputSpec
    resize: ResizeSpec
    head: HeadSpec
    labels: Annotated[
        dict[
            Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)], Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
        ],
        msgspec.Meta(min_length=1, max_length=65_536),
    ]
    task: Literal["detection"] = "detection"
    score_threshold: Share = 0.5
    nms: NmsSpec = NmsSpec()
    max_objects: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 100  # at most what one answer of the hop carries


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A sidecar and where it was found. Holds no memory of the network itself."""

    sidecar: Sidecar
    path: Path

    @property
    def file(self) -> Path:
        """The network's file. Raises ModelError if the sidecar names one outside its own directory."""
        directory = self.path.parent.resolve()
        file = (directory / self.sidecar.file).resolve()
        if not file.is_relative_to(directory):
            raise ModelError(f"{self.path}: file: {self.sidecar.file!r} leads out of the directory of the sidecar")
        return file

    def read(self) -> bytes:
        """The network, checked against the sidecar's SHA-256. Raises ModelError."""
        data = _read_bounded(self.file, MAX_MODEL_BYTES)
        digest = hashlib.sha256(data).hexdigest()
        if digest != self.sidecar.sha256:
            raise ModelError(
                f"{self.file} is not the file that {self.path} was written for: its SHA-256 is {digest}, sha256 says"
                f" {self.sidecar.sha256}; get the right file, or correct the sidecar if the change is yours"
            )
        return data

    def label(self, label_id: int) -> str:
        """The label's name; an id without one is named by its number."""
        return self.sidecar.labels.get(label_id, str(label_id))


def read_sidecar(path: Path) -> Model:
    """Read and check `path`, a `model.yaml`. The network's file is not touched. Raises ModelError."""
    data = _read_bounded(path, MAX_SIDECAR_BYTES)
    try:
        content = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path} is not YAML: {' '.join(str(error).split())[:200]}") from error
    return Model(sidecar=to_struct(content, Sidecar, where=str(path), error=ModelError), path=path)


def _read_bounded(path: Path, limit: int) -> bytes:
    if not path.is_file():  # before open: a pipe would block
        raise ModelError(f"{path} is not a file: a model is a directory with model.yaml and the .onnx file it names")
    try:
        if path.stat().st_size > limit:
            raise ModelError(f"{path} is larger than {limit} bytes, the most that is allowed here")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def _per_channel(value: PerChannel) -> tuple[float, float, float]:
    return value if isinstance(value, tuple) else (value, value, value)
