"""Chooses ONNX Runtime's execution providers, which decide what hardware runs the network, and checks the one we got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from framehop.errors import InvalidArgumentError, ModelError
from framehop.installing import install

Provider = Literal["auto", "cpu", "cuda", "tensorrt"]
ProviderOptions = dict[str, str]

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
NAMES: dict[str, Literal["cpu", "cuda", "tensorrt"]] = {CPU: "cpu", CUDA: "cuda", TENSORRT: "tensorrt"}
_WANTED = {"cpu": CPU, "cuda": CUDA, "tensorrt": TENSORRT}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """The options of a session. `provider`: `auto` takes CUDA if it works, else the CPU, but never TensorRT, which takes minutes to
    build its engine. `threads`: threads of one inference on the CPU, 0 for one per core. `device`: index of the GPU.
    `engine_cache`: a directory for TensorRT's engines. They are machine code, so only this user may be able to write there.
    `compute_stream`: handle of the CUDA stream on which the network runs, alive as long as the session; 0 for one of its own."""

    provider: Provider = "auto"
    threads: int = 0
    device: int = 0
    engine_cache: Path | None = None
    compute_stream: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InputShapes:
    """The shapes of the input for which TensorRT builds its engine: batches of one to `max_batch`."""

    name: str
    item: tuple[int, int, int]
    max_batch: int

    def text(self, batch: int) -> str:
        return f"{self.name}:" + "x".join(map(str, (batch, *self.item)))


def choose(options: SessionOptions, available: Sequence[str], shapes: InputShapes) -> list[tuple[str, ProviderOptions]]:
    """Return providers in order of preference. Raises ModelError when the installed runtime lacks the one asked for."""
    if options.provider not in {"auto", *_WANTED}:
        raise InvalidArgumentError(f"there is no provider {options.provider!r}; there are: auto, {', '.join(_WANTED)}")
    wanted = _WANTED.get(options.provider) or (CUDA if CUDA in available else CPU)
    if wanted not in available:
        raise ModelError(f"the ONNX Runtime installed has no {options.provider}: {_remedy(options.provider)}")
    chain: list[tuple[str, ProviderOptions]] = [(CPU, {})]
    if wanted in {CUDA, TENSORRT} and CUDA in available:
        chain.insert(0, (CUDA, _cuda(options)))
    if wanted == TENSORRT:
        chain.insert(0, (TENSORRT, _tensorrt(options, shapes)))
    return chain


def check(options: SessionOptions, active: Sequence[str]) -> Literal["cpu", "cuda", "tensorrt"]:
    """Return the provider that the session really uses. The list of *available* ones promises nothing: a GPU build names CUDA on a
    machine without a GPU, and silently falls back to the CPU. Raises ModelError if another provider was asked for."""
    got = NAMES.get(active[0]) if active else None
    if got is None:
        raise ModelError(f"ONNX Runtime chose a provider that is not supported here: {', '.join(active) or 'none'}")
    if options.provider not in {"auto", got}:
        raise ModelError(
            f"asked for {options.provider}, but ONNX Runtime runs on {got} here: {_remedy(options.provider)}"
        )
    return got


def _cuda(options: SessionOptions) -> ProviderOptions:
    return {
        "device_id": str(options.device),
        "arena_extend_strategy": "kSameAsRequested",  # the default doubles the arena and leaves no room for a second process
        "cudnn_conv_algo_search": "HEURISTIC",  # the default searches anew for every batch size
        **_stream(options),
    }


def _tensorrt(options: SessionOptions, shapes: InputShapes) -> ProviderOptions:
    chosen = {
        "device_id": str(options.device),
        "trt_profile_min_shapes": shapes.text(1),
        "trt_profile_opt_shapes": shapes.text(shapes.max_batch),
        "trt_profile_max_shapes": shapes.text(shapes.max_batch),
        **_stream(options),
    }
    if options.engine_cache is not None:
        chosen |= {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(options.engine_cache)}
    return chosen


def _stream(options: SessionOptions) -> ProviderOptions:
    return {"user_compute_stream": str(options.compute_stream)} if options.compute_stream else {}


def _remedy(provider: str) -> str:
    if provider == "cpu":
        return install("cpu")
    return (
        f"pip uninstall onnxruntime, {install('gpu')} for CUDA 13, [gpu-cu12] for CUDA 12, and check that"
        " nvidia-smi works" + ("; TensorRT itself: pip install tensorrt" if provider == "tensorrt" else "")
    )
