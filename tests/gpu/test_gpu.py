"""Tests that need an NVIDIA GPU: scripts/test -m gpu. Elsewhere they skip and say why."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framehop.inference import OnnxSession, SessionOptions
from framehop.inference.engine import Engine, EngineOptions, load_model
from framehop.inference.page_locks import PageLocks
from framehop.inference.spec import InputSpec
from framehop.inference.tensors import DeviceTensor
from tests import tiny_model
from tests.echo_network import KINDS, SPEC, batch, echo, numbers
from tests.photographs import PICTURES, photograph

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="there is no NVIDIA device on this machine"),
]


NO_TENSORRT = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt") is None, reason="TensorRT is not installed: pip install tensorrt"
)


def gpu_session(directory: Path, data: bytes, *, max_batch: int = 8, dtype: str = "float32") -> OnnxSession:
    model = load_model(tiny_model.write_model(directory, data))
    options = SessionOptions(provider="cuda")
    return OnnxSession(model, InputSpec(**SPEC | {"dtype": dtype}), options, outputs=["same"], max_batch=max_batch)


def on_the_gpu(pixels: Any) -> DeviceTensor:
    import onnxruntime

    return DeviceTensor.of(onnxruntime.OrtValue.ortvalue_from_numpy(pixels, "cuda", 0), pixels.dtype)


@pytest.mark.parametrize(
    "options",
    [
        SessionOptions(provider="cuda"),
        pytest.param(SessionOptions(provider="tensorrt"), marks=NO_TENSORRT),
        pytest.param(SessionOptions(provider="tensorrt", fp16=True), marks=NO_TENSORRT),
    ],
    ids=["cuda", "tensorrt", "tensorrt-fp16"],
)
@pytest.mark.timeout(900)  # TensorRT builds an engine
def test_the_gpu_finds_what_the_cpu_finds(options: SessionOptions) -> None:
    pictures = [photograph(name) for name in PICTURES]
    with (
        Engine(load_model("coco-ssd"), EngineOptions(provider="cpu")) as cpu,
        Engine(load_model("coco-ssd"), EngineOptions(provider=options.provider, fp16=options.fp16)) as gpu,
    ):
        assert gpu.info.provider == options.provider
        for ours, theirs in zip(gpu.detect(pictures), cpu.detect(pictures), strict=True):
            assert ours.label_ids.tolist() == theirs.label_ids.tolist()
            np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=2.0)
            np.testing.assert_allclose(ours.scores, theirs.scores, atol=0.02)


def test_two_lanes_at_once_find_what_one_finds_alone() -> None:
    pictures = [photograph(name) for name in PICTURES]
    with (
        Engine(load_model("coco-ssd"), EngineOptions(provider="cuda", side_by_side=True)) as engine,
        engine.lane() as other,
        ThreadPoolExecutor(2) as pool,
    ):
        assert engine.max_batch == 8, "only on the CPU a lane takes one picture"
        alone = engine.detect(pictures)
        for found in pool.map(lambda lane: lane.detect(pictures * 4), [engine, other]):
            for one, same in zip(found, alone * 4, strict=True):
                assert one.label_ids.tolist() == same.label_ids.tolist()
                np.testing.assert_allclose(one.boxes, same.boxes, atol=2.0)


def test_auto_takes_the_gpu() -> None:
    with Engine(load_model("coco-ssd"), EngineOptions(provider="auto")) as engine:
        assert engine.info.provider == "cuda"


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("first", ["N", 1, 3])
@pytest.mark.parametrize("place", [lambda pixels: pixels, on_the_gpu], ids=["host", "gpu"])
def test_a_batch_is_read_from_the_host_and_from_the_gpu(
    tmp_path: Path, dtype: str, first: int | str, place: Callable[[Any], Any]
) -> None:
    session = gpu_session(tmp_path, echo(first=first, kind=KINDS[dtype]), dtype=dtype)
    runs = session.run(place(batch(5, dtype)))
    assert numbers(runs) == [1, 2, 3, 4, 5]
    assert {run.outputs["same"].dtype.name for run in runs} == {dtype}


def test_memory_of_ours_is_page_locked_and_unlocked() -> None:
    with Engine(load_model("coco-ssd"), EngineOptions(provider="cuda")):
        locks = PageLocks.of("cuda", 0)
        pixels = np.zeros(1 << 22, np.uint8)
        assert locks.lock(pixels.ctypes.data, pixels.nbytes) == ""
        assert locks.lock(pixels.ctypes.data, pixels.nbytes) != "", "it is locked already"
        locks.close()
        assert locks.lock(pixels.ctypes.data, pixels.nbytes) == ""
        locks.close()
