"""Chooses who preprocesses: the native kernel, or NVIDIA DALI, which can do it on the GPU."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Literal

from framehop.errors import InvalidArgumentError
from framehop.inference.device import ComputeStream, Device
from framehop.inference.engine_options import Preprocess
from framehop.inference.page_locks import PageLocks
from framehop.inference.preprocess.native import InputTensor
from framehop.inference.preprocess.preprocessor import Preprocessor
from framehop.inference.providers import Provider
from framehop.inference.spec import InputSpec, ResizeSpec

logger = logging.getLogger(__name__)

_ON_GPU = ("auto", "cuda", "tensorrt")


def make_preprocessor(
    kind: Preprocess, spec: InputSpec, resize: ResizeSpec, *, max_batch: int, device: Device
) -> Preprocessor:
    """Make what turns pictures into tensors of `spec` for a network that runs on `device`. `auto` is the native kernel on the CPU,
    and DALI on a GPU if it is installed, and the log says which.

    Raises MissingExtraError if DALI is asked for and not installed, ModelError if DALI cannot make this tensor.
    """
    if _chosen(kind, device) == "native":
        return InputTensor(spec, resize, max_batch=max_batch, locks=PageLocks.of(device.kind, device.index))
    from framehop.inference.preprocess.dali import DaliPreprocessor

    return DaliPreprocessor(spec, resize, max_batch=max_batch, device=device)


def shared_stream(kind: Preprocess, provider: Provider, index: int) -> ComputeStream | None:
    """Return a new stream on GPU `index`, on which DALI and then the network run in order; None where DALI has no GPU to run on."""
    if kind == "native" or provider not in _ON_GPU or not dali_installed():
        return None
    from framehop.inference.preprocess.dali_runtime import new_stream

    return new_stream(index)


def dali_installed() -> bool:
    """Return whether DALI can be found, without importing it."""
    return find_spec("nvidia") is not None and find_spec("nvidia.dali") is not None


def _chosen(kind: Preprocess, device: Device) -> Literal["native", "dali"]:
    if kind not in {"auto", "native", "dali"}:
        raise InvalidArgumentError(f"preprocess must be auto, native or dali, not {kind!r}")
    chosen = kind if kind != "auto" else _best(device)
    logger.info("%s preprocesses; the network runs on %s", "DALI" if chosen == "dali" else "the native kernel", device)
    return chosen


def _best(device: Device) -> Literal["native", "dali"]:
    return "dali" if device.kind == "cuda" and dali_installed() else "native"
