"""Page-locked memory, from which a GPU copies by itself; from other memory the driver copies through a buffer of its own."""

from __future__ import annotations

import ctypes
import logging
import os
from typing import Protocol, Self, cast

logger = logging.getLogger(__name__)

_NAMES = tuple(f"libcudart.so.{version}" for version in (13, 12, "11.0"))

# Flags of cudaHostRegister: locked for every context of the process; for memory that is mapped read-only, as a ring's pixels are.
_PORTABLE, _READ_ONLY = 0x01, 0x08


class CudaRuntime(Protocol):
    """The functions that are used of libcudart. Each returns 0, or the number of an error, which cudaGetErrorString explains."""

    def cudaSetDevice(self, device: int) -> int: ...  # noqa: N802
    def cudaHostRegister(self, address: int, size: int, flags: int) -> int: ...  # noqa: N802
    def cudaHostUnregister(self, address: int) -> int: ...  # noqa: N802
    def cudaGetErrorString(self, error: int) -> bytes: ...  # noqa: N802


def loaded_cuda_runtime() -> CudaRuntime | None:
    """Return the libcudart that ONNX Runtime has loaded into this process, or None. No other is loaded: a second one would not know
    the first one's device."""
    for name in _NAMES:
        try:
            library = ctypes.CDLL(name, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
        except OSError:
            continue
        library.cudaHostRegister.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint]
        library.cudaHostUnregister.argtypes = [ctypes.c_void_p]
        library.cudaGetErrorString.restype = ctypes.c_char_p
        return cast("CudaRuntime", library)
    return None


class PageLocks:
    """The memory that one user has page-locked. Use from one thread. Closing twice is harmless."""

    def __init__(self, cuda: CudaRuntime | None, why_not: str = "", *, device: int = 0) -> None:
        """Lock by `cuda` for this device; without it nothing is locked, which `why_not` explains."""
        self._cuda, self._why_not, self._device = cuda, why_not, device
        self._locked: list[int] = []

    @classmethod
    def of(cls, provider: str, device: int) -> Self:
        """Return locks that work where `provider` is one of NVIDIA's."""
        if provider not in {"cuda", "tensorrt"}:
            return cls(None, f"{provider} reads the memory itself")
        return cls(loaded_cuda_runtime(), "no CUDA runtime is loaded in this process", device=device)

    def lock(self, address: int, size: int, *, read_only: bool = False) -> str:
        """Lock `size` bytes from `address` on until `unlock` or `close`, which must come before they are freed. `read_only`: they
        are mapped so. Returns why they are not locked, which makes copies slower and nothing else; empty if they are."""
        if self._cuda is None:
            return self._why_not
        flags = _PORTABLE | (_READ_ONLY if read_only else 0)
        error = self._cuda.cudaSetDevice(self._device) or self._cuda.cudaHostRegister(address, size, flags)
        if not error:
            self._locked.append(address)
            return ""
        why = self._cuda.cudaGetErrorString(error).decode(errors="replace")
        logger.info("%d bytes are not page-locked, so that the GPU reads them more slowly: %s", size, why)
        return why

    def unlock(self, address: int) -> None:
        """Unlock what begins at `address` and is about to be freed. Harmless for what is not locked."""
        if self._cuda is not None and address in self._locked:
            self._locked.remove(address)
            self._cuda.cudaHostUnregister(address)

    def close(self) -> None:
        """Unlock everything. A failure is not told: it means that the device is gone, and its locks with it."""
        while self._cuda is not None and self._locked:
            self._cuda.cudaHostUnregister(self._locked.pop())
