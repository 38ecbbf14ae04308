"""Every choice has the reason that is really its own, and a sidecar says nothing that this network does not need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from framehop.inference.recognise import as_yaml
from tests.fixed_network import G, cells, centred, cornered, floats, ids, joined, network, plan, raw


def reasons(directory: Path, data: bytes, sidecar: dict[str, object] | None = None) -> dict[str, str]:
    return {reason.key: reason.why for reason in plan(directory, data, sidecar).reasons}


def test_what_was_found_what_is_usual_and_what_was_said_are_told_apart(tmp_path: Path) -> None:
    data = network({"output0": raw(3)})
    why = reasons(tmp_path, data)
    assert why["head.name"] == why["family"]
    assert "boxes in pixels, then scores" in why["head.name"]
    assert why["head.box"] == "found along with head.name"
    assert why["head.output"] == "its only output"
    assert why["head.first_label_id"].startswith("classes are counted from 0")
    assert why["max_objects"] == "the default"
    why = reasons(tmp_path, data, {"head": {"name": "yolov8"}, "labels": {1: "a", 2: "b", 3: "c"}})
    assert why["head.name"] == "best.yaml says so"
    assert "the first class is number 1" in why["head.first_label_id"]


def test_a_key_that_nothing_tells_is_said_to_be_usual(tmp_path: Path) -> None:
    rows = joined(cornered(300), floats(1, 300, 1), ids(300))
    why = reasons(tmp_path, network({"rows": rows, "features": floats(1, 3, 4, 5)}))
    assert why["head.output"] == "the output that fits"
    assert "only corners explain" in why["head.name"]
    assert why["head.normalised"] == "found along with head.name"
    assert [why["head.columns"], why["head.nms"]] == ["usual for the head rows"] * 2
    nothing = network({"output0": np.zeros((1, 300, 6), np.float32)})
    why = reasons(tmp_path, nothing, {"head": {"name": "rows", "box": "xyxy"}})
    assert "nothing in it for the bundled picture" in why["family"]
    why = reasons(tmp_path, nothing, {"head": {"name": "yolov8", "output": "output0"}})
    assert why["family"] == "best.yaml names its head"
    assert why["head.box"] == "usual for the head yolov8"


def grids(bins: int) -> bytes:
    outputs: dict[str, NDArray[Any]] = {}
    for stride in (8, 16, 32):
        outputs[f"cls_{stride}"] = floats(1, cells([stride], up=True), 20) * 0.4
        outputs[f"dis_{stride}"] = floats(1, cells([stride], up=True), 4 * bins) * 8 - 4
    return network(outputs)


def test_a_sidecar_has_no_keys_that_the_network_does_not_need(tmp_path: Path) -> None:
    data = grids(11)
    found = plan(tmp_path, data)
    head = yaml.safe_load(as_yaml(found))["head"]
    assert "whole" not in head
    assert head["bins"] == 11
    assert head["scores"] == ["cls_8", "cls_16", "cls_32"]
    assert "head.whole" not in {reason.key for reason in found.reasons}
    assert plan(tmp_path, data, yaml.safe_load(as_yaml(found))).spec == found.spec


def test_a_sidecar_says_why_each_value_was_chosen(tmp_path: Path) -> None:
    rows = joined(centred(3 * G), floats(1, 3 * G, 4))
    text = as_yaml(plan(tmp_path, network({"output": rows}, metadata={"stride": "32"})))
    lines = {line.split(":")[0].strip(): line for line in text.splitlines() if ":" in line}
    assert lines["output"].endswith("# its only output")
    assert lines["first_label_id"].endswith("# classes are counted from 0 unless something says otherwise")
    assert lines["colour"].endswith("# usual for YOLOv5 or v7")
    assert "found in its outputs" not in text
