"""Models and the runtime that runs them. Importing this imports nothing heavy; creating a session does."""

from framehop.inference.network import Network, TensorInfo
from framehop.inference.onnx import OnnxSession, Run
from framehop.inference.providers import Provider, SessionOptions
from framehop.inference.registry import BUILT_IN, from_anywhere, load_model, sample_picture
from framehop.inference.sidecar import Model, read_sidecar

__all__ = [
    "BUILT_IN",
    "Model",
    "Network",
    "OnnxSession",
    "Provider",
    "Run",
    "SessionOptions",
    "TensorInfo",
    "from_anywhere",
    "load_model",
    "read_sidecar",
    "sample_picture",
]
