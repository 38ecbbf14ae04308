"""Models and the runtime that runs them. Names are loaded on first use: importing this imports nothing heavy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framehop.inference.network import Network, TensorInfo
    from framehop.inference.onnx import NetworkRun, OnnxSession
    from framehop.inference.providers import Provider, SessionOptions
    from framehop.inference.registry import BUILT_IN, from_anywhere, load_model, sample_picture
    from framehop.inference.sidecar import Model, read_sidecar

__all__ = [
    "BUILT_IN",
    "Model",
    "Network",
    "NetworkRun",
    "OnnxSession",
    "Provider",
    "SessionOptions",
    "TensorInfo",
    "from_anywhere",
    "load_model",
    "read_sidecar",
    "sample_picture",
]

_HOME = {
    "BUILT_IN": "registry",
    "Model": "sidecar",
    "Network": "network",
    "OnnxSession": "onnx",
    "Provider": "providers",
    "NetworkRun": "onnx",
    "SessionOptions": "providers",
    "TensorInfo": "network",
    "from_anywhere": "registry",
    "load_model": "registry",
    "read_sidecar": "sidecar",
    "sample_picture": "registry",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
