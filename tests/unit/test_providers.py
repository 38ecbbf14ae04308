"""Choosing execution providers, and not believing what a runtime says it could do."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import SimpleNamespace

import pytest

from framehop.errors import ConfigError, ModelError
from framehop.inference import providers
from framehop.inference.providers import (
    CPU,
    CUDA,
    OPENVINO,
    TENSORRT,
    Profile,
    Provider,
    SessionOptions,
    check,
    choose,
)
from tests.broken_runtime import without_nvidia

SHAPES = Profile(items={"image": (300, 300, 3), "sizes": (2,)}, max_batch=8)
CPU_BUILD, GPU_BUILD = [CPU], [TENSORRT, CUDA, CPU]


@pytest.fixture(autouse=True)
def nvidia(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "DEVICES", (Path("/dev/null"),))


def chain(provider: Provider, available: list[str]) -> list[str]:
    return [name for name, _ in choose(SessionOptions(provider=provider), available, SHAPES)]


def test_auto_takes_cuda_where_it_was_built_in_and_never_tensorrt() -> None:
    assert chain("auto", CPU_BUILD) == [CPU]
    assert chain("auto", GPU_BUILD) == [CUDA, CPU]


def test_each_choice_falls_back_only_below_itself() -> None:
    assert chain("cpu", GPU_BUILD) == [CPU]
    assert chain("cuda", GPU_BUILD) == [CUDA, CPU]
    assert chain("tensorrt", GPU_BUILD) == [TENSORRT, CUDA, CPU]
    assert chain("openvino", [OPENVINO, CPU]) == [OPENVINO, CPU]


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_build_without_it_says_what_to_install(provider: Provider) -> None:
    with pytest.raises(ModelError, match=r"pip install '.*\[gpu\]'"):
        chain(provider, CPU_BUILD)


def test_without_a_device_a_gpu_build_is_not_asked_for_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    without_nvidia(monkeypatch)
    assert chain("auto", GPU_BUILD) == [CPU]
    assert [name for name, _ in choose(SessionOptions(provider="cuda", allow_fallback=True), GPU_BUILD, SHAPES)] == [
        CPU
    ]


@pytest.mark.parametrize(("error", "first"), [(0, CUDA), (100, CPU)])
def test_a_driver_whose_first_user_makes_the_devices_is_asked(
    monkeypatch: pytest.MonkeyPatch, error: int, first: str
) -> None:
    driver = SimpleNamespace(cuInit=lambda _flags: error)
    monkeypatch.setattr(providers, "DEVICES", ())
    monkeypatch.setattr(ctypes, "CDLL", {providers.DRIVER: driver}.__getitem__)
    assert chain("auto", GPU_BUILD)[0] == first


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_without_a_device_nothing_is_said_of_packages(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    without_nvidia(monkeypatch)
    with pytest.raises(ModelError, match=f"asked for {provider}, but there is no NVIDIA device here") as caught:
        chain(provider, GPU_BUILD)
    assert check(SessionOptions(provider=provider, allow_fallback=True), [CPU]) == "cpu"
    assert "no NVIDIA device" in caplog.text
    assert "pip" not in f"{caught.value} {caplog.text}"


def test_an_unknown_provider_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="auto, cpu, cuda, tensorrt, openvino"):
        SessionOptions(provider="gpu")  # type: ignore[arg-type]


@pytest.mark.parametrize("provider", ["auto", "cpu", "cuda", "openvino"])
def test_fp16_is_an_option_of_tensorrt(provider: Provider) -> None:
    with pytest.raises(ConfigError, match=f"fp16 is for provider tensorrt, not {provider}"):
        SessionOptions(provider=provider, fp16=True)


def test_asking_for_cuda_and_getting_the_cpu_is_an_error() -> None:
    with pytest.raises(ModelError, match="asked for cuda, but ONNX Runtime runs on cpu"):
        check(SessionOptions(provider="cuda"), [CPU])
    with pytest.raises(ModelError, match="asked for tensorrt, but ONNX Runtime runs on cuda"):
        check(SessionOptions(provider="tensorrt"), [CUDA, CPU])
    with pytest.raises(ModelError, match="not supported here: Strange"):
        check(SessionOptions(), ["Strange"])
    assert check(SessionOptions(), [CPU]) == "cpu"
    assert check(SessionOptions(provider="cuda"), [CUDA, CPU]) == "cuda"


def test_tensorrt_is_told_the_batches_it_will_see(tmp_path: Path) -> None:
    asked = SessionOptions(provider="tensorrt", device=1, engine_cache=tmp_path)
    options = dict(choose(asked, GPU_BUILD, SHAPES))[TENSORRT]
    assert options["device_id"] == "1"
    assert options["trt_profile_min_shapes"] == "image:1x300x300x3,sizes:1x2"
    assert options["trt_profile_max_shapes"] == "image:8x300x300x3,sizes:8x2"
    assert "trt_fp16_enable" not in options
    assert options["trt_engine_cache_path"] == str(tmp_path)


def test_tensorrt_computes_in_float16_if_asked_and_knows_fixed_shapes_itself() -> None:
    options = dict(choose(SessionOptions(provider="tensorrt", fp16=True), GPU_BUILD, Profile()))[TENSORRT]
    assert options == {"device_id": "0", "trt_fp16_enable": "1"}


def test_openvino_has_the_threads_of_the_session_and_a_package_of_its_own() -> None:
    asked = SessionOptions(provider="openvino", threads=3)
    assert choose(asked, [OPENVINO, CPU], SHAPES) == [(OPENVINO, {"num_of_threads": "3"}), (CPU, {})]
    with pytest.raises(ModelError, match="pip install onnxruntime-openvino"):
        choose(asked, CPU_BUILD, SHAPES)


def test_a_fall_back_that_is_allowed_takes_what_there_is_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    asked = SessionOptions(provider="tensorrt", allow_fallback=True)
    assert [name for name, _ in choose(asked, CPU_BUILD, SHAPES)] == [CPU]
    assert [name for name, _ in choose(asked, [CUDA, CPU], SHAPES)] == [CUDA, CPU]
    assert check(asked, [CPU]) == "cpu"
    [said] = [record.getMessage() for record in caplog.records]
    assert "asked for tensorrt, but ONNX Runtime runs on cpu" in said
    assert "pip install tensorrt" in said


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_the_network_runs_on_the_stream_it_is_given(provider: Provider) -> None:
    chosen = choose(SessionOptions(provider=provider, compute_stream=77), GPU_BUILD, SHAPES)
    assert [options.get("user_compute_stream") for _, options in chosen][:-1] == ["77"] * (len(chosen) - 1)
    assert all("user_compute_stream" not in options for _, options in choose(SessionOptions(), GPU_BUILD, SHAPES))
