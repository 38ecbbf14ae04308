"""Networks whose outputs are fixed, and what recognition says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from framehop.errors import ModelError
from framehop.inference import Network, load_model
from framehop.inference.recognise import Plan, recognise

SIDE = 96

Outputs = Mapping[str, NDArray[Any]]

KINDS = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


def network(
    outputs: Outputs,
    *,
    shape: Sequence[int | str] = (1, 3, SIDE, SIDE),
    kind: int = TensorProto.FLOAT,
    extra: Mapping[str, Sequence[int | str]] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A network that gives the same outputs for every picture."""
    inputs = [helper.make_tensor_value_info("images", kind, shape)]
    inputs += [helper.make_tensor_value_info(name, TensorProto.INT64, sides) for name, sides in (extra or {}).items()]
    graph = helper.make_graph(
        [helper.make_node("Identity", [f"{name} inside"], [name]) for name in outputs],
        "fixed",
        inputs,
        [helper.make_tensor_value_info(name, KINDS[value.dtype], None) for name, value in outputs.items()],
        [numpy_helper.from_array(value, f"{name} inside") for name, value in outputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    return bytes(model.SerializeToString())


def plan(directory: Path, data: bytes, sidecar: Mapping[str, object] | None = None) -> Plan:
    (directory / "best.onnx").write_bytes(data)
    if sidecar is not None:
        (directory / "best.yaml").write_text(yaml.safe_dump({"version": "1", **sidecar}))
    model = load_model(directory / "best.onnx")
    with Network.open(model) as opened:
        return recognise(opened, model)


def refusal(directory: Path, data: bytes, sidecar: Mapping[str, object] | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        plan(directory, data, sidecar)
    message = str(caught.value)
    assert message.startswith(str(directory))
    assert "\n" not in message
    return message


random = np.random.default_rng(7)


def begin_anew() -> None:
    """Have the numbers of a test depend on nothing but the test, whichever ones run before it in this process."""
    random.bit_generator.state = np.random.default_rng(7).bit_generator.state


def floats(*shape: int) -> NDArray[np.float32]:
    """Numbers of 0 to 1."""
    return random.random(shape).astype(np.float32)


def cells(strides: Sequence[int], *, up: bool = False) -> int:
    return sum((-(-SIDE // stride) if up else SIDE // stride) ** 2 for stride in strides)


def centred(count: int) -> NDArray[np.float32]:
    """Boxes [1, count, 4] all over the picture: centre and sides in pixels."""
    centre, sides = floats(1, count, 2) * SIDE, floats(1, count, 2) * 30 + 2
    return np.concatenate([centre, sides], axis=2)


def cornered(count: int) -> NDArray[np.float32]:
    boxes = centred(count)
    return np.concatenate([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], axis=2)


def joined(*parts: NDArray[Any]) -> NDArray[np.float32]:
    return np.concatenate(parts, axis=2).astype(np.float32)


def ids(count: int, classes: int = 3) -> NDArray[np.float32]:
    return np.arange(count).reshape(1, count, 1).astype(np.float32) % classes


G = cells((8, 16, 32))


def raw(classes: int) -> NDArray[np.float32]:
    return np.ascontiguousarray(joined(centred(G), floats(1, G, classes)).transpose(0, 2, 1))
