"""The doctor's check of what runs and feeds a network: ONNX Runtime, of which only one build may be installed, and DALI."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from importlib import metadata
from types import ModuleType

from framehop.cli.model_check import Check
from framehop.config.detect_options import DetectOptions
from framehop.errors import MissingExtraError
from framehop.inference.preprocess import dali_installed
from framehop.inference.preprocess.dali_runtime import gpu_count, import_dali
from framehop.inference.providers import CUDA, OPENVINO, has_nvidia
from framehop.inference.runtime import import_runtime
from framehop.installing import install

RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino")


def version_of(distribution: str) -> str:
    """Return the installed version, or an empty text."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def check_runtimes(options: DetectOptions) -> Iterator[Check]:
    """Check which build of ONNX Runtime there is, whether another is in its way, and DALI."""
    yield from _onnx_runtime()
    yield _dali(asked=options.preprocess == "dali")


def _onnx_runtime() -> Iterator[Check]:
    if importlib.util.find_spec("onnxruntime") is None:
        yield Check("runtime", "problem", f"no ONNX Runtime: {install('cpu')}, or [gpu] for NVIDIA")
        return
    try:
        onnxruntime = import_runtime()
    except MissingExtraError as error:
        yield Check("runtime", "problem", str(error))
        return
    installed = [name for name in RUNTIMES if version_of(name)]
    if len(installed) > 1:
        yield _clash(installed, onnxruntime)
    yield _build(onnxruntime)


def _clash(installed: list[str], runtime: ModuleType) -> Check:
    return Check(
        "runtime",
        "problem",
        f"{' and '.join(installed)} are both installed and overwrite each other's files; the last one won, here the"
        f" {_kind(runtime)} build: pip uninstall {' '.join(installed)}, then {install('gpu')} for NVIDIA, or [cpu]",
    )


def _build(runtime: ModuleType) -> Check:
    providers = ", ".join(runtime.get_available_providers())
    text = f"ONNX Runtime {runtime.__version__}, {_kind(runtime)} build, with {providers}"
    if _kind(runtime) == "GPU" and not has_nvidia():
        return Check("runtime", "note", f"{text}; there is no NVIDIA device here, so networks run on the CPU")
    return Check("runtime", "ok", text)


def _kind(runtime: ModuleType) -> str:
    available = runtime.get_available_providers()
    return "GPU" if CUDA in available else "OpenVINO" if OPENVINO in available else "CPU"


def _dali(*, asked: bool) -> Check:
    if not dali_installed() and not asked:
        return Check("dali", "ok", "not installed: pictures are preprocessed on the CPU, by the native kernel")
    try:
        version, gpus = import_dali().__version__, gpu_count()
    except MissingExtraError as error:
        return Check("dali", "problem", str(error))
    sees = f"it sees {gpus} GPU{'s' if gpus > 1 else ''}" if gpus else "it sees no GPU, and the native kernel is faster"
    return Check("dali", "ok", f"DALI {version}; {sees}")
