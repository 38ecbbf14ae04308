"""Tensors that the runtime binds in place, here in the host's memory: the same calls as for a GPU's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from framehop.errors import InvalidArgumentError
from framehop.inference import OnnxSession, SessionOptions
from framehop.inference.engine import load_model
from framehop.inference.tensors import Device, DeviceTensor
from tests import tiny_model

SHADES = (250.0, 240.0, 230.0, 220.0, 210.0)


def array() -> NDArray[np.float32]:
    """Pictures of one red each, as the tiny network takes them."""
    batch = np.zeros((len(SHADES), tiny_model.HEIGHT, tiny_model.WIDTH, 3), np.float32)
    batch[..., 0] = np.array(SHADES)[:, None, None]
    return batch


def tensor(batch: NDArray[np.float32]) -> DeviceTensor:
    return DeviceTensor.of(onnxruntime.OrtValue.ortvalue_from_numpy(batch), batch.dtype)


def session(directory: Path, data: bytes | None = None) -> OnnxSession:
    model = load_model(tiny_model.write_model(directory, data))
    return OnnxSession(model, SessionOptions(provider="cpu", threads=1), outputs=["scores", "boxes"], max_batch=5)


def reds(session: OnnxSession, batch: DeviceTensor) -> list[float]:
    outputs = session.run(batch)
    assert outputs["boxes"].shape == (len(batch), 1, 1, 4)
    return (outputs["scores"][:, 0, 0] * 255).round().tolist()  # type: ignore[no-any-return]


def test_a_bound_tensor_gives_what_an_array_gives(tmp_path: Path) -> None:
    built, batch = session(tmp_path), array()
    bound, plain = built.run(tensor(batch)), built.run(batch)
    assert list(bound) == list(plain)
    assert all(np.array_equal(bound[name], plain[name]) for name in plain)


def test_a_slice_is_these_rows(tmp_path: Path) -> None:
    built, whole = session(tmp_path), tensor(array())
    assert reds(built, whole[1:4]) == [240, 230, 220]
    assert reds(built, whole[1:4][1:9]) == [230, 220]
    assert reds(built, whole[:2]) == [250, 240]
    assert len(whole[3:3]) == 0
    with pytest.raises(ValueError, match="one after another"):
        whole[::2]


def test_a_network_of_one_takes_its_rows_one_by_one(tmp_path: Path) -> None:
    built = session(tmp_path, tiny_model.ssd_network(batch=1))
    assert built.one_by_one
    assert reds(built, tensor(array())[1:]) == [240, 230, 220, 210]


def test_a_tensor_keeps_its_memory_alive(tmp_path: Path) -> None:
    assert reds(session(tmp_path), tensor(array().copy())[4:]) == [210]


def test_nothing_and_another_type_are_refused(tmp_path: Path) -> None:
    built = session(tmp_path)
    for wrong in (tensor(array())[:0], DeviceTensor.of(tensor(array()).value, np.dtype(np.float16))):
        with pytest.raises(InvalidArgumentError):
            built.run(wrong)


@pytest.mark.parametrize(
    ("provider", "expected"), [("cpu", "the CPU"), ("openvino", "the CPU"), ("cuda", "GPU 1"), ("tensorrt", "GPU 1")]
)
def test_a_device_is_named_by_its_provider(provider: str, expected: str) -> None:
    assert str(Device.of(provider, 1)) == expected
