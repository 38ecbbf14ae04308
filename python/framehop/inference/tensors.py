"""The input tensors that do not lie in an array of NumPy: another library has filled them, and the runtime reads them in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnxruntime


class ComputeStream(Protocol):
    """A CUDA stream, alive for as long as this object. Work on one stream runs in the order in which it was queued."""

    @property
    def handle(self) -> int:
        """The stream's `cudaStream_t`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The device on which a network runs. `index`: which GPU; 0 on the CPU. `stream`: the stream on which the network runs, if it
    shares one with whoever fills its tensors; without one the filler waits until a tensor is full."""

    kind: Literal["cpu", "cuda"] = "cpu"
    index: int = 0
    stream: ComputeStream | None = None

    @classmethod
    def of(cls, provider: str, index: int, stream: ComputeStream | None = None) -> Device:
        """Return the device of a session that runs on `provider`, with GPU `index` if it is one of NVIDIA's."""
        return cls(kind="cuda", index=index, stream=stream) if provider in {"cuda", "tensorrt"} else cls()

    def __str__(self) -> str:
        return "the CPU" if self.kind == "cpu" else f"GPU {self.index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTensor:
    """Rows `first` to `first + count` of `value`, a tensor [N, …] of `dtype` that lies on the device with this index, or in the
    host's memory. Keeps the memory alive. A slice of it is another view of the same memory."""

    value: onnxruntime.OrtValue
    dtype: np.dtype[np.generic]
    first: int
    count: int
    index: int = 0

    @classmethod
    def of(cls, value: onnxruntime.OrtValue, dtype: np.dtype[np.generic], *, index: int = 0) -> DeviceTensor:
        """Return all of `value`."""
        return cls(value=value, dtype=dtype, first=0, count=value.shape()[0], index=index)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: slice) -> DeviceTensor:
        """Return these neighbouring rows. Raises ValueError for a step other than 1."""
        first, end, step = rows.indices(self.count)
        if step != 1:
            raise ValueError("rows of a device's tensor are taken one after another")
        return replace(self, first=self.first + first, count=max(0, end - first))

    def bind(self, binding: onnxruntime.IOBinding, name: str) -> None:
        """Make these rows the input `name` of the next run; nothing is copied."""
        _, *item = self.value.shape()
        if self.count == self.value.shape()[0]:
            binding.bind_ortvalue_input(name, self.value)
            return
        address = self.value.data_ptr() + self.first * int(np.prod(item)) * self.dtype.itemsize
        binding.bind_input(name, self.value.device_name(), self.index, self.dtype.type, [self.count, *item], address)


Batch = NDArray[np.float32] | DeviceTensor


def run_bound(
    session: onnxruntime.InferenceSession, name: str, batch: DeviceTensor, outputs: Sequence[str]
) -> list[object]:
    """Run the network on `batch` as its input `name`; return the named outputs in the host's memory. Errors are the runtime's."""
    binding = session.io_binding()
    batch.bind(binding, name)
    for output in outputs:
        binding.bind_output(output)
    session.run_with_iobinding(binding)
    return list(binding.copy_outputs_to_cpu())
