"""Recognition where layouts look alike: each must be told from its neighbour, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
    refusal,
)


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
    said = plan(tmp_path, network({"output0": nothing}), {"head": {"name": "rows", "box": "xyxy"}}).spec.head
    assert not said.normalised  # type: ignore[union-attr]  # zeros are no shares


def test_a_few_boxes_in_pixels_among_empty_rows_are_not_taken_for_shares(tmp_path: Path) -> None:
    rows = joined(cornered(300), floats(1, 300, 1), ids(300))
    rows[0, 3:] = 0
    metadata = {"args": "{'nms': True}", "names": "['a', 'b', 'c']"}
    for noted in (metadata, {}):
        spec = plan(tmp_path, network({"output0": rows}, metadata=noted)).spec
        assert (spec.head.box, spec.head.normalised) == ("xyxy", False)  # type: ignore[union-attr]


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
