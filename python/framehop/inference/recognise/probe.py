"""Runs a network on the bundled picture, prepared in one way or another."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping

import numpy as np

from framehop._core import decode_jpeg
from framehop.errors import ModelError
from framehop.inference.inputs import ExtraInputs
from framehop.inference.network import Network
from framehop.inference.preprocess import InputTensor
from framehop.inference.registry import sample_picture
from framehop.inference.spec import InputSpec, ModelSpec, ResizeSpec
from framehop.inference.tensors import Tensor

MAX_FIXED, MAX_BYTES = 256, 1 << 30
_RUNS = 5


def probe(network: Network, tensor: InputSpec, resize: ResizeSpec) -> dict[str, Tensor]:
    """Return the outputs for the bundled picture, as of a batch of one. Raises ModelError when the runtime fails."""
    count, feeds = _feeds(network, tensor, resize)
    outputs = network.run(feeds)
    return {name: _first(value, count) for name, value in outputs.items()} if count > 1 else outputs


def run_ms(network: Network, spec: ModelSpec) -> float:
    """Return how many milliseconds one picture takes in the network on this CPU: the median of a few runs after a first one. Raises
    ModelError when the runtime fails."""
    count, feeds = _feeds(network, spec.input, spec.resize)
    network.run(feeds)
    return statistics.median(_timed(network, feeds) for _ in range(_RUNS)) * 1000 / count


def _timed(network: Network, feeds: Mapping[str, Tensor]) -> float:
    began = time.perf_counter()
    network.run(feeds)
    return time.perf_counter() - began


def _feeds(network: Network, tensor: InputSpec, resize: ResizeSpec) -> tuple[int, dict[str, Tensor]]:
    """Return how many pictures the network wants at once, and its inputs for the bundled one. Raises ModelError if they are too
    many or too large."""
    count = next((info.shape[0] or 1 for info in network.inputs if info.name == tensor.name and info.shape), 1)
    if count > MAX_FIXED:
        raise ModelError(
            f"it takes {count} pictures at once, and at most {MAX_FIXED} can be given: export it with a batch of 1"
        )
    if (size := count * math.prod(tensor.item_shape) * np.dtype(tensor.dtype).itemsize) > MAX_BYTES:
        raise ModelError(
            f"its pictures of {tensor.width} × {tensor.height} take {size >> 20} MiB at once, and at most {MAX_BYTES >> 20} can be"
            f" given: export it with a smaller size, or a batch of 1 in place of {count}"
        )
    pixels = decode_jpeg(sample_picture())
    batch, _ = InputTensor(tensor, resize, max_batch=count).fill([pixels] * count)
    return count, {tensor.name: batch, **ExtraInputs(network.inputs, tensor, max_rows=count).of(count)}


def _first(value: Tensor, count: int) -> Tensor:
    """Return what belongs to the first of `count` pictures, still with an axis for the batch."""
    if value.ndim == 2 and value.shape[1] == 7:  # the boxes of all pictures together, each with its picture's index
        mine: Tensor = value[value[:, 0] == 0]
        return mine
    return value[:1] if value.ndim and len(value) == count else value
