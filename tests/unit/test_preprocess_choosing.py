"""The choice of the preprocessor: what `auto` takes, what the log says, and what is said where DALI is missing."""

from __future__ import annotations

import importlib.machinery
import logging
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

from framehop.config.detect_options import DetectOptions
from framehop.errors import InvalidArgumentError, MissingExtraError
from framehop.inference.device import Device
from framehop.inference.engine import Engine, EngineOptions, load_model
from framehop.inference.engine_options import Preprocess
from framehop.inference.preprocess import InputTensor, Preprocessor, make_preprocessor, shared_stream
from framehop.inference.spec import InputSpec, ResizeSpec
from tests.commands import framehop

CPU, GPU = Device(), Device(kind="cuda", index=2)
SPEC = InputSpec(name="x", width=8, height=6, layout="NCHW", colour="RGB")


def make(kind: Preprocess, device: Device = CPU) -> Preprocessor:
    return make_preprocessor(kind, SPEC, ResizeSpec(mode="stretch"), max_batch=1, device=device)


@pytest.fixture
def no_dali(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nvidia", None)


class Stand:
    """Stands for a preprocessor of a machine with a GPU and DALI, and keeps the arguments it is made with."""

    def __init__(self, *_: object, device: Device, **__: object) -> None:
        self.device = device


@pytest.fixture
def gpu_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """DALI is installed and sees GPUs 0 and 1."""
    package, dali = ModuleType("nvidia"), ModuleType("nvidia.dali")
    dali.__spec__ = importlib.machinery.ModuleSpec("nvidia.dali", None)
    backend = SimpleNamespace(GetCUDADeviceCount=lambda: 2, Stream=lambda index: SimpleNamespace(handle=1000 + index))
    package.dali, dali.backend = dali, backend  # type: ignore[attr-defined]
    package.__path__ = []
    package.__spec__ = importlib.machinery.ModuleSpec("nvidia", None)
    monkeypatch.setitem(sys.modules, "nvidia", package)
    monkeypatch.setitem(sys.modules, "nvidia.dali", dali)
    monkeypatch.setattr("framehop.inference.preprocess.dali.DaliPreprocessor", Stand)


@pytest.mark.usefixtures("gpu_machine")
def test_auto_is_dali_on_a_gpu_and_native_on_the_cpu(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "framehop.inference.preprocess")
    made = make("auto", GPU)
    assert isinstance(made, Stand)
    assert made.device == GPU
    assert isinstance(make("auto", CPU), InputTensor)
    assert [record.getMessage() for record in caplog.records] == [
        "DALI preprocesses; the network runs on GPU 2",
        "the native kernel preprocesses; the network runs on the CPU",
    ]


@pytest.mark.usefixtures("gpu_machine")
def test_each_can_be_asked_for_on_either_device() -> None:
    assert isinstance(make("dali", CPU), Stand)
    assert isinstance(make("native", GPU), InputTensor)


@pytest.mark.usefixtures("gpu_machine")
def test_dali_and_the_network_share_a_stream_on_a_gpu_that_dali_sees() -> None:
    stream = shared_stream("auto", "cuda", 1)
    assert stream is not None
    assert stream.handle == 1001
    assert shared_stream("dali", "auto", 0) is not None
    assert shared_stream("native", "cuda", 0) is None
    assert shared_stream("dali", "cpu", 0) is None
    assert shared_stream("auto", "cuda", 2) is None


@pytest.mark.usefixtures("no_dali")
def test_without_dali_auto_is_native_everywhere() -> None:
    assert isinstance(make("auto", GPU), InputTensor)
    assert shared_stream("auto", "cuda", 0) is None


@pytest.mark.usefixtures("no_dali")
def test_without_dali_asking_for_it_names_the_extra() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install '.*\[gpu\]' for CUDA 13, \[gpu-cu12\] for CUDA 12"):
        make("dali")
    with pytest.raises(MissingExtraError):
        Engine(load_model("coco-ssd"), EngineOptions(provider="cpu", max_batch=1, preprocess="dali"))


def test_a_dali_that_does_not_load_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("nvidia")  # without a path: an ImportError that is no ModuleNotFoundError
    monkeypatch.setitem(sys.modules, "nvidia", package)
    monkeypatch.delitem(sys.modules, "nvidia.dali", raising=False)
    with pytest.raises(MissingExtraError, match="installed and does not load: cannot import name 'dali'"):
        make("dali")


def test_any_other_kind_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="auto, native or dali, not 'pillow'"):
        make("pillow")  # type: ignore[arg-type]


@pytest.mark.usefixtures("no_dali")
def test_the_command_line_hands_it_to_the_engine() -> None:
    done = framehop("doctor", "--json", "--preprocess", "dali")
    assert done.status == 1
    assert "preprocessing by DALI needs it installed" in done.stdout
    assert framehop("detect", "--preprocess", "gpu").status == 2
    assert DetectOptions().preprocess == "auto"


@pytest.mark.parametrize(
    ("provider", "expected"), [("cpu", "the CPU"), ("openvino", "the CPU"), ("cuda", "GPU 1"), ("tensorrt", "GPU 1")]
)
def test_tensors_lie_on_a_gpu_only_for_nvidias_providers(provider: str, expected: str) -> None:
    assert str(Device.of(provider, 1)) == expected


def test_importing_what_chooses_imports_neither_dali_nor_a_runtime() -> None:
    program = (
        "import sys, framehop.inference, framehop.inference.preprocess, framehop.config.detect_options;"
        "sys.exit(bool({'nvidia', 'onnxruntime'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
