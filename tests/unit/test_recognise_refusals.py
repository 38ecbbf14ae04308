"""Networks that cannot be used are refused by what they are, with the way out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.fixed_network import (
    SIDE,
    G,
    Outputs,
    cornered,
    floats,
    ids,
    joined,
    network,
    refusal,
)

SOFTMAX = floats(1, 40, 3) + 0.1
SOFTMAX /= SOFTMAX.sum(axis=2, keepdims=True)
MAPS = {f"map_{count}": floats(1, 3, count, count, 85) for count in (12, 6, 3)}


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (MAPS, ["undecoded grids", "anchors", "--grid"]),
        ({name: value.reshape(1, 255, *value.shape[2:4]) for name, value in MAPS.items()}, ["YOLOv3", "anchors"]),
        ({f"map_{count}": floats(1, 144, count, count) for count in (12, 6, 3)}, ["YOLOv8 or later"]),
        ({f"dfl_{count}": floats(1, 64, count, count) for count in (12, 6, 3)}, ["YOLOv8 or later"]),
        ({"a": floats(1, 75, 12, 12), "b": floats(1, 75, 6, 6)}, ["Yolo-Fastest", "anchors"]),
        (
            {
                f"{name}_{n}": floats(1, n_of, n, n)
                for n in (6, 3)
                for name, n_of in (("reg", 12), ("obj", 3), ("cls", 80))
            },
            ["Yolo-FastestV2", "anchors"],
        ),
        (
            {f"{name}_{n}": floats(1, n_of, n, n) for n in (12, 6, 3) for name, n_of in (("cls", 80), ("reg", 4))},
            ["RTMDet", "MMDeploy", "--decode_in_inference"],
        ),
        (
            {
                f"{name}_{n}": floats(1, n_of, n, n)
                for n in (12, 6, 3)
                for name, n_of in (("cls", 80), ("obj", 1), ("reg", 4))
            },
            ["YOLOX", "MMDeploy"],
        ),
        (
            {f"{name}_{n}": floats(1, n_of, n, n) for n in (12, 6, 3) for name, n_of in (("loc", 24), ("conf", 126))},
            ["SSD or RetinaNet", "need anchors"],
        ),
        ({"encodings": floats(1, 40, 4) * 4 - 2, "scores": floats(1, 40, 3)}, ["relative to anchors", "--saved-model"]),
        ({"loc": floats(1, 40, 4) * 2 - 1, "conf": SOFTMAX}, ["relative to anchors", "--saved-model"]),
        ({"loc": floats(1, 40, 1, 4) * 2 - 1, "conf": SOFTMAX}, ["relative to anchors", "--saved-model"]),
        ({"boxes": cornered(40), "logits": floats(1, 40, 3) * 8 - 4}, ["no scores of 0 to 1", "sigmoid or softmax"]),
        (
            {"detections": joined(np.zeros((1, 40, 1)), floats(1, 40, 4) * -9, floats(1, 40, 1), ids(40))},
            ["EfficientDet", "no corners"],
        ),
        ({"probabilities": floats(1, 1000)}, ["classification network"]),
        ({"mask": floats(1, 21, SIDE, SIDE)}, ["segmentation"]),
        (
            {"embedding": floats(1, 8, 7, 5, 2)},
            ["no detector that is known here", "'embedding' float32 [1, 8, 7, 5, 2]"],
        ),
        ({"output0": np.full((1, 84, G), np.nan, np.float32)}, ["NaN or infinity"]),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path, outputs: Outputs, expected: list[str]) -> None:
    message = refusal(tmp_path, network(outputs))
    assert all(part in message for part in expected), message


@pytest.mark.parametrize("task", ["segment", "pose", "classify", "obb"])
def test_other_tasks_are_refused_by_name(tmp_path: Path, task: str) -> None:
    assert f"task: {task}" in refusal(tmp_path, network({"output0": floats(1, 84, G)}, metadata={"task": task}))


@pytest.mark.parametrize(
    ("operator", "expected"),
    [("TFLite_Detection_PostProcess", "SavedModel"), ("EfficientNMS_TRT", "plugin of TensorRT")],
)
def test_a_network_with_an_operator_of_others_is_refused_with_the_way_out(
    tmp_path: Path, operator: str, expected: str
) -> None:
    node = helper.make_node(operator, ["images"], ["output"], domain="others")
    graph = helper.make_graph(
        [node],
        "foreign",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
    )
    domains = [helper.make_opsetid("", 13), helper.make_opsetid("others", 1)]
    data = helper.make_model(graph, opset_imports=domains, ir_version=8).SerializeToString()
    message = refusal(tmp_path, data)
    assert f"has the operator {operator}" in message
    assert expected in message
