"""The tensors that a network reads: arrays of NumPy, and what another library has filled and the runtime reads in place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnxruntime

Tensor = NDArray[Any]  # numbers; the network decides the dtype
InputArray = NDArray[np.float32] | NDArray[np.float16] | NDArray[np.uint8]


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

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count, *self.value.shape()[1:])

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
        if self.count == self.value.shape()[0]:
            binding.bind_ortvalue_input(name, self.value)
            return
        address = self.value.data_ptr() + self.first * int(np.prod(self.shape[1:])) * self.dtype.itemsize
        binding.bind_input(name, self.value.device_name(), self.index, self.dtype.type, self.shape, address)

    def numpy(self) -> Tensor:
        """Return a copy of these rows in the host's memory."""
        rows: Tensor = self.value.numpy()[self.first : self.first + self.count]
        return rows


Batch = InputArray | DeviceTensor
