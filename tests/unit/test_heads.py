"""Heads on outputs written by hand, and boxes back on the source picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from framehop.errors import ModelError
from framehop.inference.head_specs import SsdSpec, YoloxSpec
from framehop.inference.postprocess import make_head, to_source
from framehop.inference.spec import InputSpec

INPUT = InputSpec(name="image", width=64, height=32, layout="NCHW", colour="RGB")
SSD = make_head(SsdSpec(scores="s", boxes="b", first_label_id=1), INPUT)
YOLOX = make_head(YoloxSpec(output="o", first_label_id=10), INPUT)
CELLS = 8 * 4 + 4 * 2 + 2 * 1


def row(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def test_ssd_turns_shares_into_pixels_and_takes_the_best_class() -> None:
    scores = np.stack([row(0.1, 0.8, 0.7), row(0.2, 0.1, 0.5), row(0.4, 0.1, 0.49)])
    boxes = np.stack([row(0.25, 0.5, 0.75, 1.0), row(-0.5, 0, 0, 2), row(0, 0, 1, 1)])[:, None]
    found = SSD.candidates({"s": scores, "b": boxes}, 0.5)
    assert found.boxes.tolist() == [[32, 8, 64, 24], [0, -16, 128, 0]]
    assert found.scores.tolist() == row(0.8, 0.5).tolist()
    assert found.label_ids.tolist() == [2, 3]
    types = [values.dtype.name for values in (found.boxes, found.scores, found.label_ids)]
    assert types == ["float32", "float32", "int32"]


def test_ssd_with_nothing_above_the_threshold() -> None:
    found = SSD.candidates({"s": np.zeros((3, 2), np.float32), "b": np.zeros((3, 1, 4), np.float32)}, 0.5)
    assert (found.boxes.shape, found.scores.shape, found.label_ids.shape) == ((0, 4), (0,), (0,))


@pytest.mark.parametrize(
    ("scores", "boxes"),
    [((3, 2), (4, 1, 4)), ((3, 2), (3, 4)), ((3,), (3, 1, 4)), ((3, 0), (3, 1, 4)), ((0, 2), (0, 1, 4))],
)
def test_ssd_refuses_other_shapes(scores: tuple[int, ...], boxes: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"output '[sb]' is \[N"):
        SSD.candidates({"s": np.zeros(scores, np.float32), "b": np.zeros(boxes, np.float32)}, 0.5)


@pytest.mark.parametrize(
    ("index", "x", "y", "stride"), [(0, 0, 0, 8), (8 * 3 + 5, 5, 3, 8), (32 + 4 + 2, 2, 1, 16), (40 + 1, 1, 0, 32)]
)
def test_yolox_decodes_each_grid(index: int, x: int, y: int, stride: int) -> None:
    output = np.zeros((CELLS, 5 + 3), np.float32)
    output[index] = row(0.5, 0.25, np.log(2), np.log(4), 0.8, 0.1, 0.9, 0.2)
    found = YOLOX.candidates({"o": output}, 0.5)
    centre_x, centre_y = (x + 0.5) * stride, (y + 0.25) * stride
    expected = [[centre_x - stride, centre_y - 2 * stride, centre_x + stride, centre_y + 2 * stride]]
    np.testing.assert_allclose(found.boxes, expected, rtol=1e-5)
    np.testing.assert_allclose(found.scores, [0.72], rtol=1e-5)
    assert found.label_ids.tolist() == [11]


def test_yolox_scores_are_a_product() -> None:
    output = np.zeros((CELLS, 6), np.float32)
    output[0, 4:], output[1, 4:], output[2, 4:] = (0.9, 0.5), (0.5, 0.9), (0.9, 0.9)
    np.testing.assert_allclose(YOLOX.candidates({"o": output}, 0.5).scores, [0.81], rtol=1e-5)


def test_yolox_keeps_wild_numbers_finite() -> None:
    output = np.full((CELLS, 6), 3e38, np.float32)
    output[:, 4:] = 1
    assert np.isfinite(YOLOX.candidates({"o": output}, 0.5).boxes).all()


@pytest.mark.parametrize("shape", [(CELLS - 1, 85), (CELLS, 5), (CELLS, 85, 1), (CELLS,)])
def test_yolox_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="but the head reads"):
        YOLOX.candidates({"o": np.zeros(shape, np.float32)}, 0.5)


def placed(
    box: NDArray[np.float32], transform: NDArray[np.float32], picture: tuple[int, int], source: tuple[int, int]
) -> list[float]:
    result = to_source(box[None], transform.astype(np.float64), picture_size=picture, source_size=source)
    return [float(side) for side in result[0]]


def test_a_stretched_box_goes_back_by_side() -> None:
    assert placed(row(16, 8, 32, 16), row(0.5, 0.25, 0, 0), (128, 128), (128, 128)) == [32, 32, 64, 64]


def test_a_letterboxed_box_loses_its_border() -> None:
    assert placed(row(10, 30, 20, 40), row(0.5, 0.5, 0, 20), (128, 64), (128, 64)) == [20, 20, 40, 40]


def test_a_picture_decoded_smaller_gets_boxes_of_its_source() -> None:
    assert placed(row(16, 8, 32, 16), row(0.5, 0.5, 0, 0), (128, 64), (512, 256)) == [128, 64, 256, 128]


def test_boxes_are_clipped_and_those_outside_come_back_empty() -> None:
    assert placed(row(-5, -5, 70, 40), row(1, 1, 0, 0), (64, 32), (64, 32)) == [0, 0, 64, 32]
    assert placed(row(70, 5, 90, 20), row(1, 1, 0, 0), (64, 32), (64, 32)) == [64, 5, 64, 20]
