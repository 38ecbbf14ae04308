"""A model's sidecar, `model.yaml`, and the network's file that it names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import yaml

from framehop.errors import ModelError
from framehop.inference.spec import Sidecar
from framehop.strict import to_struct

MAX_SIDECAR_BYTES = 1 << 20
MAX_MODEL_BYTES = (1 << 31) - 1  # the limit of one protobuf message, and thus of ONNX without external data


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A sidecar and its path. It does not hold the network in memory.

    `sha256`: of the network's file, as the sidecar pins it or `checked` found it; empty before `checked` if none is pinned.
    """

    sidecar: Sidecar
    path: Path
    sha256: str = ""

    @property
    def name(self) -> str:
        return self.sidecar.name

    @property
    def version(self) -> str:
        return self.sidecar.version

    @property
    def labels(self) -> Mapping[int, str]:
        """Names by label id. The network may use ids without a name: show their number."""
        return MappingProxyType(self.sidecar.labels)

    @property
    def min_decode_size(self) -> tuple[int, int]:
        """(width, height) below which a decoder should not scale down: the sides of the input tensor.

        A stretched picture needs both. A letterboxed one needs less on one side, but which side depends on the picture's shape.
        Both together are enough for every shape, and at worst decode more than needed.
        """
        return self.sidecar.input.width, self.sidecar.input.height

    @property
    def file(self) -> Path:
        """The network's file. Raises ModelError if the sidecar names one outside its own directory."""
        directory = self.path.parent.resolve()
        file = (directory / self.sidecar.file).resolve()
        if not file.is_relative_to(directory):
            raise ModelError(
                f"{self.path}: file: {self.sidecar.file!r} leads out of the sidecar's directory; put it there"
            )
        return file

    def checked(self) -> Model:
        """Read the network's file and return the model pinned to it: `read` then refuses any other file. Raises ModelError."""
        return replace(self, sha256=hashlib.sha256(self.read()).hexdigest())

    def read(self) -> bytes:
        """Return the network's bytes, checked against `sha256` unless that is empty. Raises ModelError."""
        data = _read_bounded(self.file, MAX_MODEL_BYTES)
        digest = hashlib.sha256(data).hexdigest()
        if self.sha256 and digest != self.sha256:
            raise ModelError(
                f"{self.file} is not the file that {self.path} was written for: its SHA-256 is {digest}, and"
                f" {self.sha256} was expected; get the right file, or correct sha256 there if the change is yours"
            )
        return data


def read_sidecar(path: Path) -> Model:
    """Read and check `path`, a `model.yaml`. The network's file is not touched. Raises ModelError."""
    data = _read_bounded(path, MAX_SIDECAR_BYTES)
    try:
        content = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ModelError(f"{path} is not YAML: {' '.join(str(error).split())[:200]}") from error
    sidecar = to_struct(content, Sidecar, where=str(path), error=ModelError)
    return Model(sidecar=sidecar, path=path, sha256=sidecar.sha256)


def _read_bounded(path: Path, limit: int) -> bytes:
    if not path.is_file():  # before open: a pipe would block
        raise ModelError(f"{path} is not a file: a model is a directory with model.yaml and the .onnx file it names")
    try:
        if path.stat().st_size > limit:
            raise ModelError(f"{path} is larger than {limit} bytes, the most that is allowed here")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
