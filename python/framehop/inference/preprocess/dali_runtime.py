"""NVIDIA DALI as an installed library: what it needs, and which GPUs it sees. The package is imported only here and below."""

from __future__ import annotations

from types import ModuleType

from framehop.errors import MissingExtraError
from framehop.inference.device import ComputeStream
from framehop.installing import install

_MESSAGE = 480


def import_dali() -> ModuleType:
    """Return the package nvidia.dali. Raises MissingExtraError that names the extra, or the reason why it does not load."""
    try:
        from nvidia import dali
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"preprocessing by DALI needs it installed ({error}): {install('gpu')} for CUDA 13, [gpu-cu12] for CUDA 12; on the"
            " CPU alone pip install nvidia-dali-cuda130"
        ) from error
    except ImportError as error:
        raise MissingExtraError(f"DALI is installed and does not load: {error}") from error
    module: ModuleType = dali
    return module


def gpu_count() -> int:
    """Return how many GPUs DALI can use; 0 without a driver. Raises MissingExtraError without DALI."""
    import_dali()
    from nvidia.dali import backend

    return int(backend.GetCUDADeviceCount())


def new_stream(index: int) -> ComputeStream | None:
    """Return a new CUDA stream on GPU `index`, or None if DALI does not see this GPU: making one would end the process."""
    if index >= gpu_count():
        return None
    from nvidia.dali import backend

    stream: ComputeStream = backend.Stream(index)
    return stream


def reason(error: Exception) -> str:
    """Return why DALI failed, on one line. Before it stands where in our sources the operator was made, behind it a stack."""
    text = str(error)
    return " ".join((text.partition("ncountered:\n")[2] or text).split())[:_MESSAGE]
