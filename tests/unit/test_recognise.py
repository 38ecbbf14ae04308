"""Recognition by files whose outputs are fixed: rare families, everything that is refused, and what hostile files get."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from framehop.errors import ModelError
from framehop.inference import Network, load_model
from framehop.inference.engine import Engine, EngineOptions
from framehop.inference.head_overrides import HEAD_NAMES
from framehop.inference.head_specs import Yolov8Spec
from framehop.inference.recognise import Plan, recognise
from framehop.inference.recognise.notes import parse_names
from tests.rewritten import Graph, Picture

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

# ---------------------------------------------------------------- families that the rewritten network cannot show


def test_nanodet_by_its_grids(tmp_path: Path) -> None:
    outputs: dict[str, NDArray[Any]] = {}
    for stride in (8, 16, 32):
        outputs[f"cls_{stride}"] = floats(1, cells([stride], up=True), 20) * 0.4
        outputs[f"dis_{stride}"] = floats(1, cells([stride], up=True), 32) * 8 - 4
    found = plan(tmp_path, network(outputs))
    assert found.family == "NanoDet"
    assert found.spec.input.colour == "BGR"
    assert found.spec.head.scores == ("cls_8", "cls_16", "cls_32")  # type: ignore[union-attr]


def test_eight_outputs_are_of_two_families_and_the_key_that_decides_is_named(tmp_path: Path) -> None:
    outputs: dict[str, NDArray[Any]] = {}
    for stride in (8, 16, 32, 64):
        outputs[f"cls_{stride}"] = floats(1, cells([stride], up=True), 80) * 0.4
        outputs[f"dis_{stride}"] = floats(1, cells([stride], up=True), 32) * 8 - 4
    message = refusal(tmp_path, network(outputs))
    assert all(part in message for part in ("NanoDet-Plus", "PicoDet", "head.variant"))
    said = {"head": {"name": "nanodet", "variant": "picodet"}}
    assert plan(tmp_path, network(outputs), said).family == "PicoDet"


@pytest.mark.parametrize(
    ("strides", "bins", "family"),
    [((8, 16, 32, 64), 8, "NanoDet-Plus"), ((8, 16, 32), 8, "NanoDet"), ((8, 16, 32), 11, "NanoDet")],
)
def test_nanodet_in_one_output(tmp_path: Path, strides: tuple[int, ...], bins: int, family: str) -> None:
    """NanoDet's own exporter writes it so. A box in the second grid is found where its distances put it."""
    count = cells(strides, up=True)
    scores, distances = np.zeros((1, count, 5), np.float32), floats(1, count, 4, bins) * 8 - 4
    at = cells(strides[:1], up=True) + 6 + 1  # column 1 of row 1, in cells of 16 pixels
    scores[0, at, 3], distances[0, at] = 0.9, -50
    distances[0, at, :, 2] = 50  # two cells to each side
    (tmp_path / "best.onnx").write_bytes(network({"output": joined(scores, distances.reshape(1, count, -1))}))
    with Engine(load_model(tmp_path / "best.onnx"), EngineOptions(provider="cpu", max_batch=1)) as engine:
        assert (engine.plan.family, engine.plan.spec.input.colour) == (family, "BGR")
        [found] = engine.detect([np.zeros((SIDE, SIDE, 3), np.uint8)])
    centre = 16 if family == "NanoDet-Plus" else 16 + 7.5
    assert found.label_ids.tolist() == [3]
    assert found.boxes[0].tolist() == pytest.approx([max(0, centre - 32)] * 2 + [centre + 32] * 2, abs=0.01)


def test_eight_outputs_with_paddles_names_are_of_picodet(tmp_path: Path) -> None:
    outputs: dict[str, NDArray[Any]] = {}
    for index, stride in enumerate((8, 16, 32, 64)):
        outputs[f"transpose_{2 * index}.tmp_0"] = floats(1, cells([stride], up=True), 10) * 0.4
        outputs[f"transpose_{2 * index + 1}.tmp_0"] = floats(1, cells([stride], up=True), 32) * 8 - 4
    assert plan(tmp_path, network(outputs)).family == "PicoDet"


def test_fastestdet_by_its_one_map(tmp_path: Path) -> None:
    classes = floats(1, 4, 6, 6) + 0.1
    value = np.concatenate([floats(1, 1, 6, 6), floats(1, 4, 6, 6) * 2 - 1, classes / classes.sum(axis=1)], axis=1)
    assert plan(tmp_path, network({"out": value.astype(np.float32)})).family == "FastestDet"


def test_centernet_by_its_channels_and_its_unit(tmp_path: Path) -> None:
    value = joined(np.clip(cornered(100) / 4, 0, SIDE / 4), floats(1, 100, 1), ids(100))
    assert plan(tmp_path, network({"out": value}, shape=(1, SIDE, SIDE, 3))).family == "CenterNet"


# ---------------------------------------------------------------- traps


def test_one_and_two_classes_have_five_and_six_rows(tmp_path: Path) -> None:
    for classes in (1, 2):
        value = joined(centred(G), floats(1, G, classes)).transpose(0, 2, 1)
        found = plan(tmp_path, network({"output0": np.ascontiguousarray(value)}))
        assert found.family.startswith("YOLOv8")
        assert found.spec.labels == {}


def test_a_row_per_cell_is_never_taken_for_finished_boxes(tmp_path: Path) -> None:
    of_deepstream = joined(cornered(G), floats(1, G, 1), ids(G))
    found = plan(tmp_path, network({"output": of_deepstream}))
    assert (found.family, found.spec.head.nms) == ("YOLO exported for DeepStream", True)  # type: ignore[union-attr]
    one_class = joined(
        centred(3 * G), floats(1, 3 * G, 1), np.ones((1, 3 * G, 1))
    )  # a class score that is 1 everywhere
    assert plan(tmp_path, network({"output": one_class})).family == "YOLOv5 or v7"


def test_a_yolov8_with_its_axes_exchanged_is_not_read_with_an_objectness(tmp_path: Path) -> None:
    message = refusal(tmp_path, network({"output0": joined(centred(G), floats(1, G, 80))}))
    assert "last two axes exchanged" in message


def test_an_end_to_end_network_that_sees_nothing_is_known_by_its_metadata(tmp_path: Path) -> None:
    nothing = np.zeros((1, 300, 6), np.float32)
    metadata = {"args": "{'nms': True}", "names": "['a']"}
    assert plan(tmp_path, network({"output0": nothing}, metadata=metadata)).spec.labels == {0: "a"}
    assert "head.box" in refusal(tmp_path, network({"output0": nothing}))


def test_a_few_boxes_in_pixels_among_empty_rows_are_not_taken_for_shares(tmp_path: Path) -> None:
    rows = joined(cornered(300), floats(1, 300, 1), ids(300))
    rows[0, 3:] = 0
    metadata = {"args": "{'nms': True}", "names": "['a', 'b', 'c']"}
    for noted in (metadata, {}):
        spec = plan(tmp_path, network({"output0": rows}, metadata=noted)).spec
        assert (spec.head.box, spec.head.normalised) == ("xyxy", False)  # type: ignore[union-attr]


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


def test_tensorflows_further_outputs_tell_that_the_labels_are_cocos(tmp_path: Path) -> None:
    outputs: dict[str, NDArray[Any]] = {
        "num_detections": np.full(1, 10, np.float32),
        "detection_boxes": np.sort(floats(1, 10, 2, 2), axis=2).reshape(1, 10, 4),
        "detection_scores": floats(1, 10),
        "detection_classes": np.ones((1, 10), np.float32),
        "raw_detection_scores": floats(1, 200, 91),
    }
    any_size = network(outputs, shape=(1, "h", "w", 3), kind=TensorProto.UINT8)
    spec = plan(tmp_path, any_size).spec
    assert (spec.labels[1], spec.labels[90], spec.input.width, spec.input.scale) == ("person", "toothbrush", 640, 1.0)


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


def test_an_output_among_others_is_found_if_it_is_the_only_one_that_fits(tmp_path: Path) -> None:
    rows = np.ascontiguousarray(joined(centred(G), floats(1, G, 3)).transpose(0, 2, 1))
    features = {"features": floats(1, 3, G) * 9 - 4, "more": floats(1, G, 4) * -9}
    for metadata in ({}, {"names": "['a', 'b', 'c']"}):
        spec = plan(tmp_path, network({"output0": rows, **features}, metadata=metadata)).spec
        assert spec.head == Yolov8Spec(output="output0")
    assert "may be of several families" in refusal(tmp_path, network({"one": rows, "other": rows}))


def test_a_table_may_lack_the_axis_of_the_batch(tmp_path: Path) -> None:
    rows = np.ascontiguousarray(joined(centred(G), floats(1, G, 3))[0].T)
    assert plan(tmp_path, network({"output0": rows})).spec.head == Yolov8Spec(output="output0")
    assert plan(tmp_path, network({"output": joined(centred(3 * G), floats(1, 3 * G, 4))[0]})).family == "YOLOv5 or v7"


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


@pytest.mark.parametrize("metadata", [{}, {"names": "['a', 'b', 'c']"}], ids=["alone", "with names"])
def test_corners_in_the_layout_of_a_yolov8_are_read_as_corners(tmp_path: Path, metadata: dict[str, str]) -> None:
    rows = np.ascontiguousarray(joined(cornered(G), floats(1, G, 3)).transpose(0, 2, 1))
    data = network({"output0": rows}, metadata=metadata)
    assert plan(tmp_path, data).spec.head == Yolov8Spec(output="output0", box="xyxy")
    assert "two corners" in refusal(tmp_path, data, {"head": {"name": "yolov8", "box": "cxcywh"}})


def test_a_network_that_is_not_finite_is_refused_whatever_tells_its_family(tmp_path: Path) -> None:
    rows = np.ascontiguousarray(joined(centred(G), floats(1, G, 3)).transpose(0, 2, 1))
    rows[0, 5, 7] = np.inf
    data = network({"output0": rows}, metadata={"names": "['a', 'b', 'c']"})
    assert "NaN or infinity" in refusal(tmp_path, data)
    assert "NaN or infinity" in refusal(tmp_path, data, {"head": {"name": "yolov8"}})


def test_logits_are_no_scores(tmp_path: Path) -> None:
    rows = np.ascontiguousarray(joined(centred(G), floats(1, G, 3) - 0.5).transpose(0, 2, 1))
    message = refusal(tmp_path, network({"output0": rows}, metadata={"names": "['a', 'b', 'c']"}))
    assert "logits" in message
    assert "it looks like" not in message  # its own head again would be no help


def test_shares_in_the_layout_of_a_yolov5_are_not_read_as_offsets(tmp_path: Path) -> None:
    rows = joined(centred(G) / SIDE, floats(1, G, 1), floats(1, G, 3))
    assert "head.name: yolox" not in refusal(tmp_path, network({"output": rows}))


# ---------------------------------------------------------------- what only the user knows


def test_boxes_in_shares_of_either_order_are_asked_for(tmp_path: Path) -> None:
    low = floats(1, 40, 2) * 0.4
    outputs = {"boxes": np.concatenate([low, low + 0.3], axis=2), "scores": floats(1, 40, 3) * 0.5}
    message = refusal(tmp_path, network(outputs))
    assert all(part in message for part in ("x before y", "y before x", "head.box"))
    message = refusal(tmp_path, network(outputs), {"head": {"name": "boxes-scores", "box": "xyxy"}})
    assert "input.scale, input.bias" in message
    said = {"head": {"name": "boxes-scores", "box": "xyxy"}, "input": {"scale": 1 / 128, "bias": -127 / 128}}
    spec = plan(tmp_path, network(outputs), said).spec
    assert (spec.head.boxes, spec.head.scores, spec.input.scale) == ("boxes", "scores", 1 / 128)  # type: ignore[union-attr]


def test_decoded_yolox_or_yolov6_that_sees_nothing_either_way_is_asked_for(tmp_path: Path) -> None:
    faint = network({"output": joined(centred(G), floats(1, G, 4) * 0.1)})
    message = refusal(tmp_path, faint)
    assert all(part in message for part in ("YOLOv6", "YOLOX", "resize.mode, input.colour, input.scale"))
    said = {"resize": {"mode": "letterbox"}, "input": {"colour": "RGB", "scale": 1 / 255}}
    assert plan(tmp_path, faint, said).spec.resize.mode == "letterbox"


def test_a_size_that_no_file_tells_is_asked_for(tmp_path: Path) -> None:
    value = np.ascontiguousarray(joined(centred(G), floats(1, G, 3)).transpose(0, 2, 1))
    of_any_size = network({"output0": value}, shape=("n", 3, "h", "w"))
    assert "set input.width and input.height" in refusal(tmp_path, of_any_size)
    assert plan(tmp_path, of_any_size, {"input": {"width": SIDE, "height": SIDE}}).spec.input.width == SIDE


# ---------------------------------------------------------------- refused by name

MAPS = {f"map_{count}": floats(1, 3, count, count, 85) for count in (12, 6, 3)}


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (MAPS, ["undecoded grids", "anchors", "--grid"]),
        ({name: value.reshape(1, 255, *value.shape[2:4]) for name, value in MAPS.items()}, ["YOLOv8 or later"]),
        ({"a": floats(1, 75, 12, 12), "b": floats(1, 75, 6, 6)}, ["Yolo-Fastest", "anchors"]),
        ({"probabilities": floats(1, 1000)}, ["classification network"]),
        ({"mask": floats(1, 21, SIDE, SIDE)}, ["segmentation"]),
        (
            {"embedding": floats(1, 8, 7, 5, 2)},
            ["no detector that is known here", "'embedding' float32 [1, 8, 7, 5, 2]"],
        ),
        ({"output0": np.full((1, 84, G), np.nan, np.float32)}, ["NaN or infinity"]),
    ],
    ids=["grids", "distributions", "anchors", "classes", "masks", "anything", "nan"],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path, outputs: Outputs, expected: list[str]) -> None:
    message = refusal(tmp_path, network(outputs))
    assert all(part in message for part in expected), message


@pytest.mark.parametrize("task", ["segment", "pose", "classify", "obb"])
def test_other_tasks_are_refused_by_name(tmp_path: Path, task: str) -> None:
    assert f"task: {task}" in refusal(tmp_path, network({"output0": floats(1, 84, G)}, metadata={"task": task}))


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


# ---------------------------------------------------------------- wrong sidecars


@pytest.mark.parametrize(
    ("rows", "head", "expected"),
    [
        (joined(centred(G), floats(1, G, 4)), "yolox", ["larger than the picture", "head.name: yolov5"]),
        (
            joined(floats(1, G, 2), floats(1, G, 2) * 4 - 2, floats(1, G, 4)),
            "yolov5",
            ["inside out", "head.name: yolox"],
        ),
        (joined(cornered(300), floats(1, 300, 1), ids(300)), "yolov8", ["head reads", "head.name: rows"]),
        (joined(centred(G), floats(1, G, 4) * 3), "yolov5", ["score"]),
    ],
    ids=["decoded as a grid", "a grid as decoded", "finished as raw", "scores above 1"],
)
def test_a_sidecar_that_names_the_wrong_head_is_refused_with_the_right_one(
    tmp_path: Path, rows: NDArray[np.float32], head: str, expected: list[str]
) -> None:
    message = refusal(tmp_path, network({"output": rows}), {"head": {"name": head}})
    assert f"head.name: {head}" in message
    assert all(part in message for part in expected), message


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ({"box": "xyxy"}, "letterbox"),
        ({"box": "cxcywh", "normalised": True}, "stretch"),
        ({"columns": "class-score-box"}, "stretch"),
    ],
)
def test_where_only_the_sidecar_knows_the_head_its_keys_choose_among_the_families_with_it(
    tmp_path: Path, said: dict[str, object], mode: str
) -> None:
    nothing = np.zeros((1, 300, 6), np.float32)
    spec = plan(tmp_path, network({"output0": nothing}), {"head": {"name": "rows", **said}}).spec
    assert (spec.head.output, spec.resize.mode) == ("output0", mode)  # type: ignore[union-attr]


def test_of_several_outputs_the_sidecar_names_the_one_that_counts(tmp_path: Path) -> None:
    data = network({"a": raw(3), "b": raw(4)})
    assert "head.output" in refusal(tmp_path, data)
    spec = plan(tmp_path, data, {"head": {"name": "yolov8", "output": "b"}, "labels": {3: "d"}}).spec
    assert spec.head == Yolov8Spec(output="b")


def test_shares_read_as_pixels_are_refused(tmp_path: Path) -> None:
    rows = joined(floats(1, 300, 4) * 0.4 + 0.2, floats(1, 300, 1), ids(300))
    said = {"head": {"name": "rows", "box": "xyxy", "normalised": False}}
    assert "inside out" in refusal(tmp_path, network({"output0": rows}), said)


def raw(classes: int) -> NDArray[np.float32]:
    return np.ascontiguousarray(joined(centred(G), floats(1, G, classes)).transpose(0, 2, 1))


@pytest.mark.parametrize(
    ("labels", "counts"),
    [({0: "a", 1: "b", 2: "c", 3: "d"}, ("4 names", "3 classes")), ({7: "a"}, ("1 names", "3 classes"))],
)
def test_labels_beyond_the_networks_classes_are_refused(
    tmp_path: Path, labels: dict[int, str], counts: tuple[str, str]
) -> None:
    message = refusal(tmp_path, network({"output0": raw(3)}), {"labels": labels})
    assert all(count in message for count in counts)


def test_names_of_another_number_of_classes_are_refused_wherever_they_come_from(tmp_path: Path) -> None:
    metadata = {"names": "{0: 'a', 1: 'b', 2: 'c', 3: 'd'}"}
    message = refusal(tmp_path, network({"output0": raw(2)}, metadata=metadata))
    assert "4 names" in message
    assert "2 classes" in message
    (tmp_path / "labels.txt").write_text("a\nb\n")
    message = refusal(tmp_path, network({"output0": raw(3)}))
    assert "2 names" in message
    assert "labels.txt" in message


def test_a_sidecar_may_name_only_some_labels(tmp_path: Path) -> None:
    assert plan(tmp_path, network({"output0": raw(3)}), {"labels": {1: "b"}}).spec.labels == {1: "b"}


def test_names_that_begin_with_the_background_or_with_one(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("background\ncat\ndog\n")
    pair = {"boxes": cornered(40), "scores": floats(1, 40, 2) * 0.5}
    spec = plan(tmp_path, network(pair)).spec
    assert (spec.head.first_label_id, spec.labels[2]) == (1, "dog")
    spec = plan(tmp_path, network(pair), {"labels": {1: "cat", 2: "dog"}}).spec
    assert (spec.head.first_label_id, spec.labels) == (1, {1: "cat", 2: "dog"})


# ---------------------------------------------------------------- hostile files


@pytest.mark.parametrize(
    "names",
    [
        "{0: 'a'",
        "(" * 100_000,
        "[" * 100_000,
        "{0: {1: 'a'}}",
        "-" * 100_000,
        "__import__('os')",
        "{0: 'a', 1: x}",
        "''",
    ],
    ids=lambda text: text[:12],
)
def test_names_that_cannot_be_read_are_said_and_not_used(tmp_path: Path, names: str) -> None:
    found = plan(tmp_path, network({"output0": raw(3)}, metadata={"names": names}))
    [why] = [reason.why for reason in found.reasons if reason.key == "labels"]
    assert found.spec.labels == {}
    assert "cannot be read" in why


def test_sixty_five_thousand_labels_are_read_and_ten_megabytes_are_not(tmp_path: Path) -> None:
    many = {index: f"label {index}" for index in range(65_536)}
    nothing = np.zeros((1, 300, 6), np.float32)
    metadata = {"end2end": "True", "names": repr(many)}
    assert plan(tmp_path, network({"output0": nothing}, metadata=metadata)).spec.labels == many
    metadata["names"] = repr(dict.fromkeys(range(10000), "x" * 1000))
    assert plan(tmp_path, network({"output0": nothing}, metadata=metadata)).spec.labels == {}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000, b"{}", b"null", b'{"id2label": 7}', b""])
def test_files_beside_that_are_something_else_are_left_alone(tmp_path: Path, content: bytes) -> None:
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes(content)
    assert plan(tmp_path, network({"output0": raw(3)})).spec.labels == {}


@pytest.mark.parametrize("content", [b"\xff\xfe\xff", b"", b"x\n" * 70_000])
def test_a_label_file_that_cannot_be_used_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    assert "labels.txt" in refusal(tmp_path, network({"output0": raw(3)}))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'person', 1: \"it's\", 2: 'a, b'}", {0: "person", 1: "it's", 2: "a, b"}),
        ("['a', 'b']", {0: "a", 1: "b"}),
        ('{"0": "caf\\u00e9"}', {0: "café"}),
        (r"{0: 'tab\there', 5: 'q\'s'}", {0: "tab here", 5: "q's"}),
    ],
)
def test_names_are_read_as_python_and_json_write_them(text: str, names: dict[int, str]) -> None:
    assert parse_names(text) == names


@given(st.dictionaries(st.integers(0, 99_999), st.text(min_size=1, max_size=20).filter(lambda text: text.strip())))
def test_whatever_python_writes_is_read_back_or_refused(names: dict[int, str]) -> None:
    found = parse_names(repr(names))
    assert found is None or set(found) <= set(names)


NAMED = [
    "labels",
    "boxes",
    "scores",
    "logits",
    "pred_boxes",
    "dets",
    "num_dets",
    "det_boxes",
    "det_scores",
    "output0",
    "x",
]
SHAPES = st.lists(st.sampled_from([0, 1, 2, 4, 5, 6, 7, 30, 85, 100, G]), max_size=4).filter(
    lambda shape: math.prod(shape) <= 100_000
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shapes=st.dictionaries(st.sampled_from(NAMED), SHAPES, min_size=1, max_size=4),
    head=st.sampled_from([None, *HEAD_NAMES]),
    scale=st.sampled_from([0.0, 1.0, 100.0, np.inf]),
)
def test_whatever_a_network_gives_it_is_recognised_or_refused(
    tmp_path: Path, shapes: dict[str, list[int]], head: str | None, scale: float
) -> None:
    outputs = {name: (floats(*shape) * np.float32(scale)).astype(np.float32) for name, shape in shapes.items()}
    with contextlib.suppress(ModelError):
        plan(tmp_path, network(outputs), {"head": {"name": head}} if head else {})
