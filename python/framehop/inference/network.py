"""A network opened on the CPU to look at: what goes in, what comes out, what its file says, and a run to try it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import numpy as np

from framehop.errors import ClosedError, ModelError
from framehop.inference.model_file import read_header
from framehop.inference.providers import CPU
from framehop.inference.runtime import import_runtime, load_network, one_line, quiet_options
from framehop.inference.sidecar import Model
from framehop.inference.tensors import Tensor

if TYPE_CHECKING:
    import onnxruntime

Shape = tuple[int | None, ...]

# Element types that the runtime spells otherwise than NumPy, and those that reach NumPy at all.
_OTHER_NAMES = {"float": "float32", "double": "float64"}
NUMERIC = frozenset(
    {"bool", *(f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64))} - {"float8"}
)

# The names of 65,536 labels take a megabyte or two; a hostile file's metadata could take all memory in every copy made of it.
_MAX_VALUE, _MAX_METADATA, _CUT = 2 << 20, 4 << 20, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """An input or output. `dtype`: NumPy's name of its element type, as `float32`; the runtime's own words for what is no tensor,
    as `seq(tensor(float))`. `shape`: None for a side that is dynamic; empty if the file gives no shape."""

    name: str
    dtype: str
    shape: Shape


class Network:
    """One network on the CPU, for looking at and for trying it. Use from one thread. Closing twice is harmless.

    `metadata`: what its exporter noted, text by key, at most 4 MiB. `producer`: the exporter's name and version. `opset`,
    `ir_version`: 0 if the file does not say.
    """

    def __init__(self, session: onnxruntime.InferenceSession, data: bytes) -> None:
        header = read_header(data)
        meta = session.get_modelmeta()
        self._session: onnxruntime.InferenceSession | None = session
        self.inputs = tuple(map(tensor_info, session.get_inputs()))
        self.outputs = tuple(map(tensor_info, session.get_outputs()))
        self.metadata: Mapping[str, str] = MappingProxyType(_bounded(meta.custom_metadata_map))
        self.producer: str = meta.producer_name
        self.opset = header.opset if header else 0
        self.ir_version = header.ir_version if header else 0

    @classmethod
    def open(cls, model: Model, threads: int = 0) -> Self:
        """Load the network of `model` on the CPU. `threads`: of one run, 0 for one per core.

        Raises MissingExtraError without ONNX Runtime, ModelError for a file that is not ONNX, truncated, too new, keeps weights in
        other files, or is not the one that `model` is pinned to."""
        runtime = import_runtime()
        data = model.read()
        session = load_network(runtime, data, model.file, quiet_options(runtime, threads), [(CPU, {})])
        try:
            return cls(session, data)
        except UnicodeDecodeError as error:
            raise ModelError(f"{model.file} has a name or a note that is not UTF-8: export it again") from error

    @property
    def session(self) -> onnxruntime.InferenceSession:
        """The runtime's own session, for who goes on with it. Raises ClosedError."""
        if self._session is None:
            raise ClosedError("the network is closed")
        return self._session

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run on `feeds`, C-contiguous arrays by input name. Returns every output that is a numeric tensor, by name.

        Raises ModelError when the runtime fails, ClosedError.
        """
        session = self.session
        wanted = [output.name for output in self.outputs if output.dtype in NUMERIC]
        if not wanted:
            raise ModelError("the network has no output that is a tensor of numbers")
        try:
            values = session.run(wanted, dict(feeds))
        except Exception as error:  # the runtime's errors have no common base class
            raise ModelError(f"ONNX Runtime failed on a try of the network: {one_line(error)}") from error
        return {name: np.asarray(value) for name, value in zip(wanted, values, strict=True)}

    def close(self) -> None:
        self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def tensor_info(value: onnxruntime.NodeArg) -> TensorInfo:
    """Return what the runtime says about an input or output."""
    kind: str = value.type
    element = kind.removeprefix("tensor(").removesuffix(")")
    shape = tuple(side if isinstance(side, int) and side >= 0 else None for side in value.shape or ())
    dtype = _OTHER_NAMES.get(element, element) if kind.startswith("tensor(") else kind
    return TensorInfo(name=value.name, dtype=dtype, shape=shape)


def shape_text(shape: Shape) -> str:
    """Return a shape for a message; N stands for any length."""
    return f"[{', '.join('N' if side is None else str(side) for side in shape)}]"


def _bounded(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return `metadata`, of each value no more than exporters write, and not more of all than `_MAX_METADATA`. A value that is cut
    cannot be read, but shows that there was one."""
    kept: dict[str, str] = {}
    room = _MAX_METADATA
    for key, text in metadata.items():
        shown = text if len(text) <= min(room, _MAX_VALUE) else text[:_CUT]
        if len(key) + len(shown) <= room:
            kept[key] = shown
            room -= len(key) + len(shown)
    return kept
