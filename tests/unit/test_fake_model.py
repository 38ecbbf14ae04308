"""The shipped fake detector."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from framehop.errors import ClosedError, InvalidArgumentError
from framehop.protocols import Detector
from framehop.testing.fake_model import FakeModel, detections


def scene(*blobs: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    picture = np.zeros((40, 60, 3), np.uint8)
    for x1, y1, x2, y2 in blobs:
        picture[y1:y2, x1:x2] = 255
    return picture


def test_it_finds_bright_blobs_in_source_pixels() -> None:
    model: Detector = FakeModel()
    with model:
        [found] = model.detect([scene((40, 4, 50, 20), (5, 10, 15, 30))])
        [scaled] = model.detect([scene((5, 10, 15, 30))], [(120, 40)])
    assert found.boxes.tolist() == [[5, 10, 15, 30], [40, 4, 50, 20]]
    assert scaled.boxes.tolist() == [[10, 10, 30, 30]]
    assert [model.labels[i] for i in found.label_ids] == ["blob", "blob"]


def test_a_script_goes_picture_by_picture_and_ends_in_nothing() -> None:
    model = FakeModel(script=[detections([(1, 2, 3, 4)]), detections(error="bad_output")], max_batch=2)
    first, second, third = model.detect([scene()] * 3)
    assert (first.boxes.tolist(), second.error, len(third.boxes)) == ([[1, 2, 3, 4]], "bad_output", 0)
    assert [result.timings.batch_size for result in (first, second, third)] == [2, 2, 1]
    assert model.batches == [2, 1]


def test_a_hook_sees_each_batch_before_it_runs() -> None:
    def fail(size: int) -> None:
        raise RuntimeError(f"batch of {size}")

    model = FakeModel(on_batch=fail)
    with pytest.raises(RuntimeError, match="batch of 1"):
        model.detect([scene()])
    assert model.batches == []


def test_it_refuses_what_the_engine_refuses() -> None:
    model = FakeModel()
    with pytest.raises(InvalidArgumentError):
        model.detect([scene()], [])
    model.close()
    model.close()
    with pytest.raises(ClosedError):
        model.detect([])
