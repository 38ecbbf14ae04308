"""The device on which a network runs, as the code sees it that fills the network's tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


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
