"""Reads the file that PaddleDetection and PaddleX put beside a network: its labels, and how pictures are prepared."""

from __future__ import annotations

from pathlib import Path

import msgspec
import yaml

from framehop.errors import ModelError
from framehop.inference.sidecar import MAX_SIDECAR_BYTES, read_bounded

NAMES = ("infer_cfg.yml", "inference.yml")


class Step(msgspec.Struct):
    """A step of the preparation. `Resize` has `target_size`, (height, width), and `keep_ratio`; `NormalizeImage` the others."""

    type: str = ""
    target_size: list[int] = []
    keep_ratio: bool = True
    is_scale: bool = True
    norm_type: str = "mean_std"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def scale_and_bias(self) -> tuple[tuple[float, float, float], tuple[float, float, float]] | None:
        """The normalisation as value = pixel × scale + bias, per channel; None if it cannot be one."""
        factor = 1 / 255 if self.is_scale else 1.0
        mean, std = (self.mean, self.std) if self.norm_type != "none" else ((0.0,) * 3, (1.0,) * 3)
        if not all(abs(value) > 1e-9 for value in std):
            return None
        return (
            (factor / std[0], factor / std[1], factor / std[2]),
            (-mean[0] / std[0], -mean[1] / std[1], -mean[2] / std[2]),
        )


class PaddleConfig(msgspec.Struct, rename={"steps": "Preprocess", "labels": "label_list"}):
    """The part of the file that is read."""

    steps: list[Step] = []
    labels: list[str | int | float | bool] = []

    def step(self, kind: str) -> Step | None:
        """Return the only step of a kind, None if there is none or several."""
        found = [step for step in self.steps if step.type == kind]
        return found[0] if len(found) == 1 else None


def read_paddle(network: Path) -> tuple[PaddleConfig, str] | None:
    """Return what stands in the file beside `network`, and its name; None if there is none, or if it is something else."""
    path = next((network.parent / name for name in NAMES if (network.parent / name).is_file()), None)
    if path is None:
        return None
    try:
        content = yaml.safe_load(read_bounded(path, MAX_SIDECAR_BYTES))
        found = msgspec.convert(content, PaddleConfig)
    except (yaml.YAMLError, msgspec.MsgspecError, RecursionError, ValueError, LookupError, AttributeError, ModelError):
        return None  # PyYAML raises any of them for a value that does not fit its !!tag
    return (found, path.name) if found.steps or found.labels else None
