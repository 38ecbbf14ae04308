"""Tests that framehop asks for what only the user knows, and checks what the user says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from framehop.inference.head_specs import Yolov8Spec
from tests.fixed_network import (
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
