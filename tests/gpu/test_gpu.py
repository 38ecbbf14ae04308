"""Tests that need an NVIDIA GPU: pytest -m gpu. Elsewhere they skip and say why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from framehop.inference import Provider
from framehop.inference.engine import Engine, load_model
from tests.core.test_engine_golden import PICTURES, photograph

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="there is no NVIDIA device on this machine"),
]


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_the_gpu_finds_what_the_cpu_finds(provider: Provider) -> None:
    pictures = [photograph(name) for name in PICTURES]
    with (
        Engine(load_model("coco-ssd"), provider="cpu") as cpu,
        Engine(load_model("coco-ssd"), provider=provider) as gpu,
    ):
        assert gpu.info.provider == provider
        for ours, theirs in zip(gpu.detect(pictures), cpu.detect(pictures), strict=True):
            assert ours.label_ids.tolist() == theirs.label_ids.tolist()
            np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=2.0)
            np.testing.assert_allclose(ours.scores, theirs.scores, atol=0.02)


def test_auto_takes_the_gpu() -> None:
    with Engine(load_model("coco-ssd"), provider="auto") as engine:
        assert engine.info.provider == "cuda"
