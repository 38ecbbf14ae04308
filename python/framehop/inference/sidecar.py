"""A model: the network's file, and what the `model.yaml` beside it says, if there is one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import yaml

from framehop.errors import ModelError
from framehop.inference.head_overrides import check_head
from framehop.inference.model_file import explain
from framehop.inference.spec import Overrides
from framehop.strict import to_struct

_NOTHING = Overrides()

MAX_SIDECAR_BYTES = 1 << 20
MAX_MODEL_BYTES = (1 << 31) - 1  # the limit of one protobuf message, and thus of ONNX without external data


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A network's file and the overrides for it. It does not hold the network in memory.

    `file`: the network. `path`: the sidecar, None if there is none. `sha256`: of the network's file, as the sidecar pins it or
    `checked` found it; empty before `checked` if none is pinned.
    """

    file: Path
    overrides: Overrides = _NOTHING
    path: Path | None = None
    sha256: str = ""

    @property
    def name(self) -> str:
        """The sidecar's name, else the file's, with a dash for what a name may not contain."""
        return self.overrides.name or _legal(self.file.stem)

    @property
    def version(self) -> str:
        return self.overrides.version or "1"

    @property
    def where(self) -> Path:
        """The file that an error names: the sidecar if there is one, else the network."""
        return self.path or self.file

    @property
    def labels(self) -> Mapping[int, str]:
        """Names by label id as the sidecar has them; empty if only the network knows them."""
        return MappingProxyType(self.overrides.labels or {})

    def checked(self) -> Model:
        """Read the network's file and return the model pinned to it: `read` then refuses any other file. Raises ModelError, also
        for a file that is plainly no ONNX network."""
        data = self.read()
        if clause := explain(data):
            raise ModelError(f"{self.file} {clause}")
        return replace(self, sha256=hashlib.sha256(data).hexdigest())

    def read(self) -> bytes:
        """Return the network's bytes, checked against `sha256` unless that is empty. Raises ModelError."""
        data = read_bounded(self.file, MAX_MODEL_BYTES)
        digest = hashlib.sha256(data).hexdigest()
        if self.sha256 and digest != self.sha256:
            raise ModelError(f"{self.file} is not the file that {self._other_than(digest)}")
        return data

    def _other_than(self, digest: str) -> str:
        if not self.overrides.sha256:
            return f"was loaded: its SHA-256 was {self.sha256} and now is {digest}; start anew if the change is yours"
        return (
            f"{self.path} was written for: its SHA-256 is {digest}, and {self.sha256} was expected; get the right file, or correct"
            " sha256 there if the change is yours"
        )


def read_sidecar(path: Path, network: Path | None = None) -> Model:
    """Read and check `path`, a `model.yaml`. `network`: the file it is for; by default the file that it names, else the only one
    beside it. The network's file is not touched. Raises ModelError."""
    return model_of(path, read_yaml(path), network)


def model_of(path: Path, content: object, network: Path | None = None) -> Model:
    """Return the model that `content` of the sidecar `path` describes; as read_sidecar. Raises ModelError."""
    overrides = to_overrides(content, where=str(path))
    named = _named(path, overrides)
    if network is not None and named not in {None, network.resolve()}:
        raise ModelError(
            f"{path} describes {overrides.file}, not {network.name}; give {network.name} a sidecar of its own,"
            f" {network.stem}.yaml, or a directory of its own"
        )
    file = network or named or _only_network(path)
    return Model(overrides=overrides, file=file, path=path, sha256=overrides.sha256)


def read_yaml(path: Path) -> object:
    """Return what stands in the YAML file `path`. Raises ModelError."""
    data = read_bounded(path, MAX_SIDECAR_BYTES)
    try:
        return yaml.safe_load(data)
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError) as error:  # of a wrong !!tag
        raise ModelError(f"{path} is not YAML: {' '.join(str(error).split())[:200]}") from error


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the bytes of a file of at most `limit` bytes. Raises ModelError."""
    if not path.is_file():  # before open: a pipe would block
        raise ModelError(f"{path} is not a file: a model is a .onnx file, or a directory with one")
    try:
        if path.stat().st_size > limit:
            raise ModelError(f"{path} is larger than {limit} bytes, the most that is allowed here")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def networks_in(directory: Path) -> list[Path]:
    """Return the .onnx files of a directory, in the order of their names."""
    return sorted(path for path in directory.glob("*.onnx") if path.is_file())


def to_overrides(content: object, *, where: str) -> Overrides:
    """Check the content of a sidecar. `where` opens the message of the ModelError that it raises."""
    overrides = to_struct(content, Overrides, where=where, error=ModelError)
    if overrides.head is not None:
        check_head(overrides.head, where=where)
    return overrides


def _named(path: Path, overrides: Overrides) -> Path | None:
    """Return the file that a sidecar names. Raises ModelError if it lies outside the sidecar's own directory."""
    if overrides.file is None:
        return None
    directory = path.parent.resolve()
    file = (directory / overrides.file).resolve()
    if not file.is_relative_to(directory):
        raise ModelError(f"{path}: file: {overrides.file!r} leads out of the sidecar's directory; put it there")
    return file


def _only_network(path: Path) -> Path:
    """Return the network beside a sidecar that names none: the one of the same stem, or the only one."""
    if (same := path.with_suffix(".onnx")).is_file():
        return same.resolve()
    found = networks_in(path.parent)
    if len(found) != 1:
        there = ", ".join(file.name for file in found[:8]) or "no .onnx file"
        raise ModelError(f"{path}: file: say which network it is for; beside it is {there}")
    return found[0].resolve()


def _legal(stem: str) -> str:
    """Return a legal model name that is like `stem`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).lstrip("._-")[:64] or "model"
