"""DALI within the engine: the runtime reads DALI's memory, the pictures are let go, and errors are ours."""

from __future__ import annotations

import logging
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from framehop.errors import ClosedError, InvalidArgumentError, ModelError, is_out_of_memory
from framehop.inference.device import Device
from framehop.inference.engine import Engine, EngineOptions, load_model
from framehop.inference.preprocess.dali import DaliPreprocessor
from framehop.inference.preprocess.dali_runtime import gpu_count, import_dali, new_stream
from framehop.inference.spec import InputSpec, ResizeSpec
from framehop.inference.tensors import DeviceTensor
from tests import tiny_model
from tests.dali import needs_dali
from tests.photographs import PICTURES, photograph
from tests.tiny_model import picture

pytestmark = needs_dali

SPEC = InputSpec(name="x", width=8, height=6, layout="NCHW", colour="RGB")
PINNED = Path(__file__).parents[1] / "cases" / "batch_dynamic_in_name_only"


def preprocessor(max_batch: int = 4) -> DaliPreprocessor:
    return DaliPreprocessor(SPEC, ResizeSpec(mode="stretch"), max_batch=max_batch, device=Device())


def test_the_runtime_reads_the_memory_that_dali_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses: list[int] = []
    bindable = DaliPreprocessor._bindable

    def noted(self: DaliPreprocessor, tensor: object) -> DeviceTensor:
        addresses.append(tensor.data_ptr())  # type: ignore[attr-defined]
        return bindable(self, tensor)

    monkeypatch.setattr(DaliPreprocessor, "_bindable", noted)
    tensor, _ = preprocessor().fill([picture(1), picture(2)])
    assert [tensor.value.data_ptr()] == addresses
    assert tensor.shape == (2, 3, 6, 8)


def test_the_pictures_memory_is_what_dali_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot's picture is contiguous, so it goes to DALI as it is."""
    seen: list[object] = []
    run = DaliPreprocessor._run

    def noted(self: DaliPreprocessor, pictures: list[NDArray[np.uint8]], sizes: list[NDArray[np.float32]]) -> object:
        seen.extend(pictures)
        return run(self, pictures, sizes)

    monkeypatch.setattr(DaliPreprocessor, "_run", noted)
    given = picture(7)
    given.flags.writeable = False
    preprocessor().fill([given])
    assert seen[0] is given


class Watched(np.ndarray[tuple[int, ...], np.dtype[np.uint8]]):
    """An array that can be weakly referenced, as a leased slot's capsule can."""


def test_a_picture_is_let_go_as_soon_as_it_was_read() -> None:
    """A slot that stayed leased until the next batch comes might be the very one that this batch waits for."""
    dali = preprocessor()
    watched = np.zeros((20, 30, 3), np.uint8).view(Watched)
    gone = weakref.ref(watched)
    tensor, _ = dali.fill([watched])
    del watched
    assert gone() is None
    assert tensor.numpy().max() == 0


def test_an_earlier_tensor_keeps_its_values() -> None:
    dali = preprocessor()
    first, _ = dali.fill([picture(10)])
    dali.fill([picture(20)])
    assert first.numpy()[0, 0].round().tolist() == [[10] * 8] * 6


def test_a_failed_run_is_an_error_of_ours_and_the_next_one_works(monkeypatch: pytest.MonkeyPatch) -> None:
    dali = preprocessor()
    with monkeypatch.context() as broken:
        broken.setattr(DaliPreprocessor, "_place", lambda *_: (0, 0, 1 << 30, 1 << 30))  # more than there is memory
        with pytest.raises(ModelError, match="DALI failed on a batch of 1: std::bad_alloc") as failed:
            dali.fill([picture(1)])
    assert is_out_of_memory(failed.value)
    assert round(float(dali.fill([picture(3)])[0].numpy().max())) == 3


@pytest.mark.parametrize(
    "pictures",
    [
        [],
        [picture(1)] * 5,
        [np.zeros((0, 4, 3), np.uint8)],
        [np.zeros((4, 4), np.uint8)],
        [np.zeros((4, 4, 3), np.int8)],
    ],
    ids=["none", "too many", "empty", "grey", "signed"],
)
def test_other_pictures_are_refused(pictures: list[NDArray[np.uint8]]) -> None:
    with pytest.raises(InvalidArgumentError):
        preprocessor().fill(pictures)


def test_closed_is_closed() -> None:
    dali = preprocessor()
    dali.close()
    dali.close()
    with pytest.raises(ClosedError):
        dali.fill([picture(1)])


def test_the_engine_finds_the_same_by_dali() -> None:
    pictures = [photograph(name) for name in PICTURES]
    model = load_model("coco-ssd")
    with (
        Engine(model, EngineOptions(provider="cpu", preprocess="native")) as native,
        Engine(model, EngineOptions(provider="cpu", preprocess="dali")) as dali,
    ):
        for ours, theirs in zip(dali.detect(pictures), native.detect(pictures), strict=True):
            assert ours.label_ids.tolist() == theirs.label_ids.tolist()
            np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=0.5)
            np.testing.assert_allclose(ours.scores, theirs.scores, atol=0.005)


def test_batches_are_split_and_stay_in_order(tmp_path: Path) -> None:
    shades = list(range(255, 245, -1))
    model = load_model(tiny_model.write_model(tmp_path))
    with Engine(model, EngineOptions(provider="cpu", threads=1, max_batch=4, preprocess="dali")) as engine:
        results = engine.detect([picture(shade) for shade in shades])
    assert [round(float(found.scores[0]) * 255) for found in results] == shades


@pytest.mark.parametrize("network", ["fixed", "in name only"])
def test_one_by_one_takes_the_rows_of_dalis_tensor(tmp_path: Path, network: str) -> None:
    if network == "fixed":
        model = load_model(tiny_model.write_model(tmp_path, tiny_model.ssd_network(batch=1)))
        pictures, expected = [picture(255), picture(0, 204), picture(1)], [[5], [6], []]
    else:
        model = load_model(PINNED)
        pictures, expected = [np.zeros((32, 32, 3), np.uint8)] * 5, [[1, 2]] * 5
    with Engine(model, EngineOptions(provider="cpu", threads=1, max_batch=4, preprocess="dali")) as engine:
        assert engine.one_by_one
        assert [found.label_ids.tolist() for found in engine.detect(pictures)] == expected


def test_auto_is_native_on_the_cpu_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "framehop.inference.preprocess")
    with Engine(load_model("coco-ssd"), EngineOptions(provider="cpu")):
        pass
    [said] = [record.getMessage() for record in caplog.records if "preprocesses" in record.getMessage()]
    assert said == "the native kernel preprocesses; the network runs on the CPU"


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a GPU here: tests/gpu has its tests")
def test_without_a_gpu_there_is_no_stream_and_a_pipeline_there_is_an_error() -> None:
    assert gpu_count() == 0
    assert new_stream(0) is None
    with pytest.raises(ModelError, match=r"DALI cannot work on GPU 0: .*CUDA is not available"):
        DaliPreprocessor(SPEC, ResizeSpec(mode="stretch"), max_batch=1, device=Device(kind="cuda"))


def test_a_runtime_that_cannot_read_the_tensors_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(onnxruntime.OrtValue, "from_dlpack")
    with pytest.raises(ModelError, match=r"too old to read DALI's tensors: install 1\.26 or newer"):
        preprocessor()


def test_the_names_of_dali_that_only_a_gpu_needs_are_there() -> None:
    import_dali()
    from nvidia.dali import backend
    from nvidia.dali.tensors import TensorGPU

    assert hasattr(backend.Stream, "handle")
    assert hasattr(TensorGPU, "__dlpack__")


def test_nothing_imports_dali_before_it_is_asked_for() -> None:
    check = (
        "import sys, framehop.inference.engine as e;"
        "e.Engine(e.load_model('coco-ssd'), e.EngineOptions(provider='cpu', max_batch=1)).close();"
        "sys.exit('nvidia.dali' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)
