"""Recognition of what goes in: sizes, batches, ranges of values, further inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from framehop.inference import load_model
from framehop.inference.engine import Engine, EngineOptions
from framehop.inference.head_specs import Yolov8Spec
from tests.fixed_network import (
    SIDE,
    G,
    centred,
    cornered,
    floats,
    ids,
    joined,
    network,
    plan,
    raw,
    refusal,
)
from tests.rewritten import Graph, Picture


def test_a_batch_that_is_fixed_is_filled_to_be_recognised(tmp_path: Path) -> None:
    value = np.ascontiguousarray(np.concatenate([raw(3)] * 4))
    spec = plan(tmp_path, network({"output0": value}, shape=(4, 3, SIDE, SIDE))).spec
    assert spec.head == Yolov8Spec(output="output0")


def test_outputs_without_an_axis_for_the_batch_run_one_by_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = joined(ids(30), floats(1, 30, 1), cornered(30))[0]
    data = network({"rows": rows}, shape=("n", 3, SIDE, SIDE), extra={"im_shape": ["n", 2]})
    (tmp_path / "best.onnx").write_bytes(data)
    with Engine(load_model(tmp_path / "best.onnx"), EngineOptions(provider="cpu", max_batch=4)) as engine:
        assert engine.plan.family == "PaddleDetection"
        assert engine.one_by_one
        alone, *others = engine.detect([np.zeros((SIDE, SIDE, 3), np.uint8)] * 3)
    assert len(alone.boxes) > 0
    assert [found.boxes.tolist() for found in others] == [alone.boxes.tolist()] * 2
    [said] = [record.getMessage() for record in caplog.records]
    assert "outputs without an axis for the batch" in said


def test_the_range_of_values_is_found_on_the_picture(tmp_path: Path) -> None:
    """A network of TensorFlow that takes -1 to 1: with pixels it sees nothing."""
    graph = Graph(Picture(scale=1 / 127.5, bias=-1.0))
    far = graph.op("Greater", graph.op("ReduceMax", "images", keepdims=0), graph.const(1.5))
    scores = graph.op("Mul", graph.scores, graph.op("Where", far, graph.const(0.0), graph.const(1.0)))
    data = graph.build({"boxes": graph.reshape(graph.yxyx(), 1, 1917, 1, 4), "scores": scores})
    found = plan(tmp_path, data)
    assert found.spec.input.scale == pytest.approx(1 / 127.5)
    assert found.spec.input.bias == -1.0
    [why] = [reason.why for reason in found.reasons if reason.key == "input.scale"]
    assert "sees something with 0.5" in why


def test_a_size_that_no_file_tells_is_asked_for(tmp_path: Path) -> None:
    value = np.ascontiguousarray(joined(centred(G), floats(1, G, 3)).transpose(0, 2, 1))
    of_any_size = network({"output0": value}, shape=("n", 3, "h", "w"))
    assert "set input.width and input.height" in refusal(tmp_path, of_any_size)
    assert plan(tmp_path, of_any_size, {"input": {"width": SIDE, "height": SIDE}}).spec.input.width == SIDE


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"shape": (1, 1, SIDE, SIDE)}, "no input for colour pictures"),
        ({"shape": (1, 4, SIDE, SIDE)}, "no input for colour pictures"),
        ({"shape": (1, 300)}, "no input for colour pictures"),
        ({"kind": TensorProto.DOUBLE}, "'images' is float64, and must be one of float32, float16, uint8"),
        ({"extra": {"prompt": [1, 77]}}, "nothing is known of its input 'prompt'"),
        ({"metadata": {"channels": "6"}}, "pictures of 6 channels"),
        ({"shape": (1000, 3, SIDE, SIDE)}, "takes 1000 pictures at once"),
        ({"shape": (256, 3, 4096, 4096)}, "a batch of 1 in place of 256"),
        ({"shape": (1, 3, 1_000_000, SIDE)}, "a side can have at most 4096 pixels"),
    ],
)
def test_inputs_that_take_no_colour_picture_are_refused(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    assert expected in refusal(tmp_path, network({"output0": floats(1, 84, G)}, **changes))


def test_an_unknown_input_can_be_told_in_the_sidecar(tmp_path: Path) -> None:
    value = np.ascontiguousarray(joined(centred(G), floats(1, G, 3)).transpose(0, 2, 1))
    data = network({"output0": value}, extra={"picture_size": [1, 2]})
    assert plan(tmp_path, data, {"input": {"extra": {"picture_size": "canvas-hw"}}}).spec.input.extra == {
        "picture_size": "canvas-hw"
    }
