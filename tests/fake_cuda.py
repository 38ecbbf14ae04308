"""A CUDA runtime that only notes what it is asked."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Notes:
    """A CUDA runtime whose every registration ends in `error`."""

    error: int = 0
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def cudaSetDevice(self, device: int) -> int:
        self.calls.append(("device", device))
        return 0

    def cudaHostRegister(self, address: int, size: int, flags: int) -> int:
        self.calls.append(("lock", address, size, flags))
        return self.error

    def cudaHostUnregister(self, address: int) -> int:
        self.calls.append(("unlock", address))
        return self.error

    def cudaGetErrorString(self, error: int) -> bytes:
        return f"error {error}".encode()
