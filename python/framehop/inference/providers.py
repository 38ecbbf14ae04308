"""Chooses ONNX Runtime's execution providers, which decide what hardware runs the network, and checks the one we got."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from framehop.errors import ConfigError, ModelError
from framehop.installing import install

logger = logging.getLogger(__name__)

Provider = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]
Active = Literal["cpu", "cuda", "tensorrt", "openvino"]
ProviderOptions = dict[str, str]

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
OPENVINO = "OpenVINOExecutionProvider"
NAMES: dict[str, Active] = {CPU: "cpu", CUDA: "cuda", TENSORRT: "tensorrt", OPENVINO: "openvino"}
_WANTED: dict[str, str] = {name: provider for provider, name in NAMES.items()}

# Runs the parts of a network that a provider cannot run.
_BELOW = {CPU: (), CUDA: (CPU,), TENSORRT: (CUDA, CPU), OPENVINO: (CPU,)}

_NO_DEVICE = "there is no NVIDIA device here: nvidia-smi has to work, and a container to be given the GPU (docker run --gpus all)"

# One of these is there where a driver of NVIDIA's was used: on a PC, on Windows' subsystem for Linux, on a Jetson.
DEVICES = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/nvmap"))
DRIVER = "libcuda.so.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """The options of a session. `provider`: `auto` takes CUDA if it works, else the CPU, but never TensorRT, which takes minutes to
    build its engine. `threads`: threads of one inference on the CPU, 0 for one per core. `device`: index of the GPU.
    `engine_cache`: a directory for TensorRT's engines. They are machine code, so only this user may be able to write there.
    `fp16`: whether TensorRT may compute in float16. `allow_fallback`: whether another provider than the one asked for will do.
    `compute_stream`: handle of the CUDA stream on which the network runs, alive as long as the session; 0 for one of its own.

    Raises ConfigError for values that do not go together."""

    provider: Provider = "auto"
    threads: int = 0
    device: int = 0
    engine_cache: Path | None = None
    fp16: bool = False
    allow_fallback: bool = False
    compute_stream: int = 0

    def __post_init__(self) -> None:
        if self.provider not in {"auto", *_WANTED}:
            raise ConfigError(f"there is no provider {self.provider!r}; there are: auto, {', '.join(_WANTED)}")
        if self.threads < 0:
            raise ConfigError(f"threads must be 0 or more, not {self.threads}")
        if self.fp16 and self.provider != "tensorrt":
            raise ConfigError(
                f"fp16 is for provider tensorrt, not {self.provider}: elsewhere a network computes in float16 if it was exported so"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The shapes for which TensorRT builds its engine. `items`: of every input whose batch is dynamic, without that batch. Batches
    are of one to `max_batch`."""

    items: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    max_batch: int = 1

    def text(self, batch: int) -> str:
        return ",".join(f"{name}:" + "x".join(map(str, (batch, *item))) for name, item in self.items.items())


def choose(options: SessionOptions, available: Sequence[str], profile: Profile) -> list[tuple[str, ProviderOptions]]:
    """Return providers in order of preference. Raises ModelError when the installed runtime or this machine lacks the one asked
    for, unless another will do."""
    # A GPU build on a machine without a device would print a page of errors before it takes the CPU.
    usable = available if has_nvidia() else [name for name in available if name not in {CUDA, TENSORRT}]
    wanted = _WANTED.get(options.provider) or (CUDA if CUDA in usable else CPU)
    if wanted not in available and not options.allow_fallback:
        raise ModelError(f"the ONNX Runtime installed has no {options.provider}: {_remedy(options.provider)}")
    if wanted not in usable and not options.allow_fallback:
        raise ModelError(f"asked for {options.provider}, but {_NO_DEVICE}; --allow-fallback takes what there is")
    return [(name, _provider_options(name, options, profile)) for name in (wanted, *_BELOW[wanted]) if name in usable]


def has_nvidia() -> bool:
    """Tell whether a GPU of NVIDIA's can be seen here, which a container need not show."""
    return any(device.exists() for device in DEVICES) or _finds_one()


def _finds_one() -> bool:
    """Tell whether NVIDIA's driver finds a GPU. After the start of a machine without a screen its first user makes the devices, by
    asking just this."""
    try:
        return bool(ctypes.CDLL(DRIVER).cuInit(0) == 0)
    except (OSError, AttributeError):
        return False


def check(options: SessionOptions, active: Sequence[str]) -> Active:
    """Return the provider that the session really uses. The list of *available* ones promises nothing: a GPU build names CUDA on a
    machine without a GPU, and silently falls back to the CPU. Raises ModelError if another provider was asked for; says so in a
    warning if another will do."""
    got = NAMES.get(active[0]) if active else None
    if got is None:
        raise ModelError(f"ONNX Runtime chose a provider that is not supported here: {', '.join(active) or 'none'}")
    if options.provider not in {"auto", got}:
        _other(options, f"asked for {options.provider}, but ONNX Runtime runs on {got} here")
    return got


def _other(options: SessionOptions, what: str) -> None:
    if not options.allow_fallback:
        raise ModelError(f"{what}: {_remedy(options.provider)}; --allow-fallback takes what there is")
    if options.provider != "openvino" and not has_nvidia():
        logger.warning("%s, which is allowed; %s", what, _NO_DEVICE)
    else:
        logger.warning("%s, which is allowed. To have %s: %s", what, options.provider, _remedy(options.provider))


def _provider_options(name: str, options: SessionOptions, profile: Profile) -> ProviderOptions:
    if name == CUDA:
        return _cuda(options)
    if name == TENSORRT:
        return _tensorrt(options, profile)
    return {"num_of_threads": str(options.threads)} if name == OPENVINO and options.threads else {}


def _cuda(options: SessionOptions) -> ProviderOptions:
    return {
        "device_id": str(options.device),
        "arena_extend_strategy": "kSameAsRequested",  # the default doubles the arena and leaves no room for a second process
        "cudnn_conv_algo_search": "HEURISTIC",  # the default searches anew for every batch size
        **_stream(options),
    }


def _tensorrt(options: SessionOptions, profile: Profile) -> ProviderOptions:
    chosen = {"device_id": str(options.device), **_stream(options)}
    if profile.items:  # a network of fixed shapes has its profile in itself
        chosen |= {
            "trt_profile_min_shapes": profile.text(1),
            "trt_profile_opt_shapes": profile.text(profile.max_batch),
            "trt_profile_max_shapes": profile.text(profile.max_batch),
        }
    if options.fp16:
        chosen["trt_fp16_enable"] = "1"
    if options.engine_cache is not None:
        chosen |= {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(options.engine_cache)}
    return chosen


def _stream(options: SessionOptions) -> dict[str, str]:
    return {"user_compute_stream": str(options.compute_stream)} if options.compute_stream else {}


def _remedy(provider: str) -> str:
    if provider == "cpu":
        return install("cpu")
    if provider == "openvino":
        return "pip uninstall onnxruntime, pip install onnxruntime-openvino"
    return (
        f"pip uninstall onnxruntime, {install('gpu')} for CUDA 13, [gpu-cu12] for CUDA 12, and check that"
        " nvidia-smi works" + ("; TensorRT itself: pip install tensorrt" if provider == "tensorrt" else "")
    )
