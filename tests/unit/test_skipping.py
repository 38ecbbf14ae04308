"""The frames that are in a sample."""

from __future__ import annotations

import pytest

from framehop.config import DetectOptions
from framehop.errors import ConfigError
from framehop.pipeline.worker.skipping import Skipping, place_in_sample
from framehop.types import FrameKey

KEYS = [FrameKey(stream, 1_700_000_000_000_000, seq) for stream in ("gate", "yard") for seq in range(5000)]


@pytest.mark.parametrize("sample", [0.01, 0.1, 0.5])
def test_a_sample_is_about_its_share_of_every_stream(sample: float) -> None:
    for stream in ("gate", "yard"):
        kept = [key for key in KEYS if key.stream == stream and not Skipping(sample=sample).reason(key)]
        assert sample * 0.7 < len(kept) / 5000 < sample * 1.3


def test_a_smaller_sample_is_part_of_a_larger_one() -> None:
    small, large = ({key for key in KEYS if not Skipping(sample=sample).reason(key)} for sample in (0.1, 0.3))
    assert small < large


def test_all_frames_are_looked_at_without_a_sample() -> None:
    assert {Skipping().reason(key) for key in KEYS} == {""}
    assert all(0 <= place_in_sample(key) < 1 for key in KEYS)


def test_a_frame_has_the_same_place_for_ever() -> None:
    """Workers of two versions may share a lane."""
    assert place_in_sample(FrameKey("gate", 1_700_000_000_000_000, 0)) == 0.41457726681151286


@pytest.mark.parametrize("sample", [0.0, -0.1, 1.01, float("nan")])
def test_a_share_that_is_none_is_refused(sample: float) -> None:
    with pytest.raises(ConfigError, match="sample must be more than 0"):
        DetectOptions(sample=sample)
