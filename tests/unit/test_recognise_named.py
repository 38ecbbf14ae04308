"""Recognition by the names of outputs, and by the files of Hugging Face beside the network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from tests.fixed_network import cornered, floats, ids, joined, network, plan, raw, refusal


def test_detrs_of_one_class_are_told_by_their_columns(tmp_path: Path) -> None:
    boxes = floats(1, 50, 4) * 0.4 + 0.2
    for columns, scores in ((1, "sigmoid"), (2, "softmax")):
        logits = np.zeros((1, 50, columns), np.float32) + np.arange(columns)
        found = plan(tmp_path, network({"logits": logits.astype(np.float32), "pred_boxes": boxes}))
        assert found.spec.head.scores == scores  # type: ignore[union-attr]


def test_hugging_faces_files_beside_the_network_are_read(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    names = {str(index): name for index, name in enumerate(["helmet", "vest"])}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "yolos", "id2label": names}))
    preprocessor = {
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.25, 0.25, 0.25],
        "size": {"shortest_edge": 96, "longest_edge": 200},
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    outputs = {"logits": floats(1, 50, 3), "pred_boxes": floats(1, 50, 4) * 0.4 + 0.2}
    spec = plan(tmp_path / "onnx", network(outputs, shape=("n", "c", "h", "w"))).spec
    assert (spec.input.width, spec.input.height, spec.labels) == (128, 96, {0: "helmet", 1: "vest"})
    assert spec.input.scale == pytest.approx(1 / 255 / 0.25)
    assert spec.input.bias == pytest.approx(-2.0)
    assert spec.head.scores == "softmax"  # type: ignore[union-attr]


PADDLE = """
mode: paddle
draw_threshold: 0.5
Preprocess:
- {{interp: 2, keep_ratio: {keep_ratio}, target_size: [96, 128], type: Resize}}
- {{is_scale: true, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25], norm_type: {norm_type}, type: NormalizeImage}}
- {{type: Permute}}
label_list: [helmet, vest, 7]
"""


@pytest.mark.parametrize("name", ["infer_cfg.yml", "inference.yml"])
@pytest.mark.parametrize(
    ("norm_type", "keep_ratio", "scale", "bias", "mode"),
    [("mean_std", "false", 4 / 255, -2.0, "stretch"), ("none", "true", 1 / 255, 0.0, "letterbox-topleft")],
)
def test_paddles_file_beside_the_network_is_read(
    tmp_path: Path, name: str, norm_type: str, keep_ratio: str, scale: float, bias: float, mode: str
) -> None:
    (tmp_path / name).write_text(PADDLE.format(norm_type=norm_type, keep_ratio=keep_ratio))
    rows = joined(ids(30), floats(1, 30, 1), cornered(30))[0]
    data = network({"rows": rows}, shape=("n", 3, "h", "w"), extra={"im_shape": ["n", 2]})
    found = plan(tmp_path, data)
    spec, why = found.spec, {reason.key: reason.why for reason in found.reasons}
    assert (spec.input.width, spec.input.height, spec.resize.mode) == (128, 96, mode)
    assert spec.input.scale == pytest.approx(scale)
    assert spec.input.bias == pytest.approx(bias)
    assert spec.labels == {0: "helmet", 1: "vest", 2: "7"}
    assert [why[key] for key in ("input.width", "input.scale", "resize.mode")] == [f"{name} says so"] * 3


def test_paddles_file_is_of_no_account_for_another_family(tmp_path: Path) -> None:
    (tmp_path / "inference.yml").write_text(PADDLE.format(norm_type="mean_std", keep_ratio="false"))
    spec = plan(tmp_path, network({"output0": raw(3)})).spec
    assert (spec.input.scale, spec.resize.mode) == (1 / 255, "letterbox")


def test_tensorflows_further_outputs_tell_that_the_labels_are_cocos(tmp_path: Path) -> None:
    outputs: dict[str, NDArray[Any]] = {
        "num_detections": np.full(1, 10, np.float32),
        "detection_boxes": np.tile(np.array([0.1, 0.2, 0.6, 0.7], np.float32), (1, 10, 1)),
        "detection_scores": np.full((1, 10), 0.9, np.float32),
        "detection_classes": np.ones((1, 10), np.float32),
        "raw_detection_scores": floats(1, 200, 91),
    }
    any_size = network(outputs, shape=(1, "h", "w", 3), kind=TensorProto.UINT8)
    spec = plan(tmp_path, any_size).spec
    assert (spec.labels[1], spec.labels[90], spec.input.width, spec.input.scale) == ("person", "toothbrush", 640, 1.0)


def test_torchvisions_outputs_need_no_names(tmp_path: Path) -> None:
    outputs: dict[str, NDArray[Any]] = {
        "2388": cornered(20)[0],
        "2397": np.ones(20, np.int64),
        "2395": floats(20),
    }
    found = plan(tmp_path, network(outputs))
    assert found.family == "boxes, scores and labels, as of torchvision"
    assert found.spec.head.labels == "2397"  # type: ignore[union-attr]


def test_logits_of_no_query_are_no_detrs(tmp_path: Path) -> None:
    outputs = {"logits": np.zeros((1, 0, 80), np.float32), "pred_boxes": np.zeros((1, 0, 4), np.float32)}
    assert "no detector that is known here" in refusal(tmp_path, network(outputs))


def test_a_detr_of_92_columns_has_one_for_no_object(tmp_path: Path) -> None:
    outputs = {"logits": floats(1, 50, 92), "pred_boxes": floats(1, 50, 4) * 0.4 + 0.2}
    spec = plan(tmp_path, network(outputs)).spec
    assert (spec.head.scores, spec.labels[90]) == ("softmax", "toothbrush")  # type: ignore[union-attr]


def test_a_detr_of_91_columns_is_not_prepared_as_one_of_80(tmp_path: Path) -> None:
    boxes = floats(1, 50, 4) * 0.4 + 0.2
    of_ids = plan(tmp_path, network({"logits": floats(1, 50, 91) - 4, "pred_boxes": boxes}))
    assert of_ids.family.startswith("Deformable")
    assert of_ids.spec.input.bias != 0
    of_classes = plan(tmp_path, network({"logits": floats(1, 50, 80) - 4, "pred_boxes": boxes}))
    assert (of_classes.family[:7], of_classes.spec.input.bias) == ("RT-DETR", 0)


def test_rf_detr_of_coco_counts_its_columns_by_cocos_ids(tmp_path: Path) -> None:
    outputs = {"dets": floats(1, 50, 4) * 0.4 + 0.2, "labels": floats(1, 50, 91) - 4}
    spec = plan(tmp_path, network(outputs)).spec
    assert (spec.labels[1], spec.labels[90], spec.head.first_label_id) == ("person", "toothbrush", 0)
    assert not spec.head.background  # type: ignore[union-attr]
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    spec = plan(tmp_path, network(outputs | {"labels": floats(1, 50, 3) - 4})).spec
    assert (spec.labels, spec.head.background) == ({0: "cat", 1: "dog"}, True)  # type: ignore[union-attr]


def test_mmyolos_rows_have_a_count(tmp_path: Path) -> None:
    outputs: dict[str, NDArray[Any]] = {
        "num_dets": np.full((1, 1), 3, np.int64),
        "boxes": cornered(20),
        "scores": floats(1, 20),
        "labels": np.zeros((1, 20), np.int64),
    }
    found = plan(tmp_path, network(outputs))
    assert (found.family, found.spec.head.count) == ("EfficientNMS or YOLO-NAS", "num_dets")  # type: ignore[union-attr]
