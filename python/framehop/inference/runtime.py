"""Loads ONNX Runtime, which is imported only when a session is created, and networks into it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from framehop.errors import MissingExtraError, ModelError
from framehop.inference.model_file import NetworkHeader, explain, read_header
from framehop.inference.telemetry import refuse_telemetry
from framehop.installing import install

if TYPE_CHECKING:
    import onnxruntime

# The runtime's message begins with the place in its sources, and ends with the reason; the middle can be cut.
_HEAD, _TAIL = 120, 1000

# This directory cannot exist, so weights outside the checked bytes are never found, wherever the process was started.
_NO_EXTERNAL_DATA = "/dev/null/none"

_TOO_NEW = ("is under development", "Unsupported model IR version")


_TENSORRT = "is a plugin of TensorRT that ONNX Runtime lacks: export it without suppression, or with ONNX's own NonMaxSuppression"

# Operators of others that exporters leave in a network, and what to do about them.
_FOREIGN = {
    "TFLite_Detection_PostProcess": (
        "is TensorFlow Lite's and not in ONNX, and has the anchors in it: convert the model's SavedModel, not the .tflite file,"
        " by python -m tf2onnx.convert --saved-model"
    ),
    "EfficientNMS_TRT": _TENSORRT,
    "BatchedNMS_TRT": _TENSORRT,
    "BatchedNMSDynamic_TRT": _TENSORRT,
    "EfficientNMSX_TRT": _TENSORRT,
}


def import_runtime() -> ModuleType:
    """Import ONNX Runtime. Raises MissingExtraError, which names the extra."""
    refuse_telemetry()
    try:
        import onnxruntime
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == "onnxruntime"
        broken = "" if absent else f", and what is installed of it cannot be loaded ({one_line(error)})"
        raise MissingExtraError(
            f"running a model needs ONNX Runtime{broken}: {install('cpu')}, or [gpu] instead of [cpu] for NVIDIA"
        ) from error
    module: ModuleType = onnxruntime
    return module


def quiet_options(runtime: ModuleType, threads: int) -> onnxruntime.SessionOptions:
    """Return the options that every session has: `threads` for one inference (0: one per core), nothing printed, one file."""
    chosen = runtime.SessionOptions()
    chosen.intra_op_num_threads = threads
    chosen.inter_op_num_threads = 1
    chosen.log_severity_level = 4  # errors reach us as exceptions; the runtime would print them as well
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")  # decoding shares these cores
    chosen.add_session_config_entry("session.model_external_initializers_file_folder_path", _NO_EXTERNAL_DATA)
    return chosen


def load_network(
    runtime: ModuleType,
    data: bytes,
    file: Path,
    options: onnxruntime.SessionOptions,
    providers: Sequence[tuple[str, dict[str, str]]],
) -> onnxruntime.InferenceSession:
    """Load the network `data`, which was read from `file`. Raises ModelError that says what the file is and what to do."""
    try:
        # Its own fall-back to other providers prints on stdout and says nothing to us.
        return runtime.InferenceSession(data, options, providers=list(providers), enable_fallback=0)
    except Exception as error:  # the runtime's errors have no common base class
        raise ModelError(f"{file} {_why_not(data, error, runtime.__version__)}") from error


def one_line(error: Exception) -> str:
    """Return the message as one line, cut to both ends if it is long."""
    text = " ".join(str(error).split())
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]} … {text[-_TAIL:]}"


def _why_not(data: bytes, error: Exception, version: str) -> str:
    if clause := explain(data):
        return clause
    text = str(error)
    if "xternal data" in text or _NO_EXTERNAL_DATA in text:  # the runtime's words differ by version
        return (
            "keeps weights in other files, which is refused, as only the bytes of one file can be checked: save it as one, with"
            " onnx.save(onnx.load(FILE), NEW, save_as_external_data=False)"
        )
    for operator, clause in _FOREIGN.items():
        if operator in text:
            return f"has the operator {operator}, which {clause}"
    if any(words in text for words in _TOO_NEW):
        return (
            f"{_versions(read_header(data))}: too new for the ONNX Runtime here, {version}. Export it with an older opset"
            f" or update ONNX Runtime. It says: {one_line(error)}"
        )
    return f"cannot be loaded by ONNX Runtime {version}: {one_line(error)}"


def _versions(header: NetworkHeader | None) -> str:
    return (
        f"is ONNX of opset {header.opset}, IR version {header.ir_version}" if header else "is ONNX of another version"
    )
