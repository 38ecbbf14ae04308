"""Recognition of families that say boxes by the cells of grids: NanoDet, PicoDet, FastestDet, CenterNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from framehop.inference import load_model
from framehop.inference.engine import Engine, EngineOptions
from tests.fixed_network import (
    SIDE,
    cells,
    cornered,
    floats,
    ids,
    joined,
    network,
    plan,
    refusal,
)


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


def test_distances_that_are_numbers_and_no_distributions_are_not_nanodets(tmp_path: Path) -> None:
    outputs: dict[str, NDArray[Any]] = {}
    for stride in (8, 16, 32):
        outputs[f"cls_{stride}"] = floats(1, cells([stride], up=True), 20) * 0.4
        outputs[f"reg_{stride}"] = floats(1, cells([stride], up=True), 4) * 8
    assert "NanoDet" not in refusal(tmp_path, network(outputs))


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
