"""A network that gives its input back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from framehop.inference import NetworkRun
from tests.tiny_model import FLOAT, FLOAT16, UINT8, network, node, value

SPEC: dict[str, Any] = {"name": "image", "layout": "NHWC", "width": 4, "height": 2, "colour": "RGB"}
KINDS = {"float32": FLOAT, "float16": FLOAT16, "uint8": UINT8}


def batch(count: int, dtype: str = "float32") -> Any:
    """Return a batch whose picture i is filled with i + 1."""
    return np.ascontiguousarray(np.broadcast_to(np.arange(1, count + 1).reshape(-1, 1, 1, 1), (count, 2, 4, 3)), dtype)


def echo(*, first: int | str = "N", kind: int = FLOAT) -> bytes:
    """A network that gives its input back."""
    shape = [first, 2, 4, 3]
    return network(
        [node("Identity", ["image"], "same")], [value("image", shape, kind)], [value("same", shape, kind)], []
    )


def numbers(runs: Sequence[NetworkRun], name: str = "same") -> list[int]:
    """The number of each picture that came back, without those that filled up a batch."""
    return [int(row.flat[0]) for run in runs for row in run.outputs[name][: run.used]]
