"""The sharing of the cores: lanes on the CPU and on a GPU, and the warnings when there are more than can be of use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framehop._core import HopServer
from framehop.config.detect_options import DetectOptions
from framehop.errors import ConfigError
from framehop.pipeline.detector.cores import credits_of, lane_count, side_by_side, warn_of_lanes


@pytest.mark.parametrize(
    ("options", "provider", "lanes"),
    [
        ({}, "cpu", 8),
        ({"devices": (0, 1)}, "cpu", 4),
        ({"devices": tuple(range(9))}, "cpu", 1),
        ({"lanes": 3}, "cpu", 3),
        ({"lanes": 3, "devices": (0, 1)}, "cpu", 3),
        ({"infer_threads": 1}, "cpu", 8),
        ({"infer_threads": 2}, "cpu", 1),
        ({}, "cuda", 1),
        ({"lanes": 2}, "tensorrt", 2),
        ({}, "openvino", 1),
    ],
)
def test_the_cpu_has_a_lane_per_core_and_everything_else_one(
    options: dict[str, Any], provider: str, lanes: int
) -> None:
    assert lane_count(DetectOptions(**options), provider, cores=8) == lanes


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({"lanes": 2}, True),
        ({"lanes": 1}, False),
        ({"infer_threads": 4}, False),
        ({"infer_threads": 1}, True),
    ],
)
def test_lanes_of_one_thread_or_one_inference_on_many(options: dict[str, Any], expected: bool) -> None:
    assert side_by_side(DetectOptions(**options)) is expected


def test_several_lanes_cannot_have_several_threads_each() -> None:
    with pytest.raises(ConfigError, match="infer_threads 2 needs lanes 1"):
        DetectOptions(lanes=2, infer_threads=2)
    assert DetectOptions(lanes=1, infer_threads=2).infer_threads == 2


@pytest.mark.parametrize("lanes", [-1, 257])
def test_a_number_of_lanes_that_cannot_be(lanes: int) -> None:
    with pytest.raises(ConfigError, match=f"lanes must be .*{lanes}"):
        DetectOptions(lanes=lanes)


@pytest.mark.parametrize(("lanes", "pictures"), [(1, 1), (2, 1), (64, 1), (256, 1), (1, 8), (2, 256), (256, 256)])
def test_one_worker_can_keep_all_lanes_at_work(tmp_path: Path, lanes: int, pictures: int) -> None:
    credits = credits_of(lanes, pictures)
    assert credits >= min(2 * lanes * pictures, 4096)
    with HopServer(f"ipc://{tmp_path}/hop", credits=credits):
        pass


def said(caplog: pytest.LogCaptureFixture, options: DetectOptions, lanes: int, provider: str = "cpu") -> list[str]:
    caplog.clear()
    warn_of_lanes(options, lanes, provider, cores=2)
    return [record.getMessage() for record in caplog.records]


def test_more_lanes_than_cores_are_warned_of_where_lanes_need_cores(caplog: pytest.LogCaptureFixture) -> None:
    options = DetectOptions(slots=64)
    [warning] = said(caplog, options, 64)
    assert warning.startswith("64 lanes on 2 cores: ")
    assert said(caplog, options, 2) == []
    assert said(caplog, options, 64, "cuda") == []


def test_more_lanes_than_pictures_in_the_rings_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    options = DetectOptions(slots=4, workers=4, devices=(0, 1))
    assert said(caplog, options, 8, "cuda") == []
    [warning] = said(caplog, options, 9, "cuda")
    assert "rings hold 8 pictures" in warning
    assert "--slots" in warning


@pytest.mark.parametrize("wait_ms", [-1.0, 1001.0, float("nan")])
def test_a_wait_for_batches_that_is_none(wait_ms: float) -> None:
    with pytest.raises(ConfigError, match="max_wait_ms must be 0 to 1000 milliseconds"):
        DetectOptions(max_wait_ms=wait_ms)
