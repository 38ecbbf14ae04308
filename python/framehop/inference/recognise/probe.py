"""Runs a network on the bundled picture, prepared in one way or another."""

from __future__ import annotations

from framehop._core import decode_jpeg
from framehop.errors import ModelError
from framehop.inference.inputs import ExtraInputs
from framehop.inference.network import Network
from framehop.inference.preprocess import InputTensor
from framehop.inference.registry import sample_picture
from framehop.inference.spec import InputSpec, ResizeSpec
from framehop.inference.tensors import Tensor

MAX_FIXED = 256


def probe(network: Network, tensor: InputSpec, resize: ResizeSpec) -> dict[str, Tensor]:
    """Return the outputs for the bundled picture, as of a batch of one. Raises ModelError when the runtime fails."""
    count = next((info.shape[0] or 1 for info in network.inputs if info.name == tensor.name and info.shape), 1)
    if count > MAX_FIXED:
        raise ModelError(
            f"it takes {count} pictures at once, and at most {MAX_FIXED} can be given: export it with a batch of 1"
        )
    pixels = decode_jpeg(sample_picture())
    batch, _ = InputTensor(tensor, resize, max_batch=count).fill([pixels] * count)
    outputs = network.run({tensor.name: batch, **ExtraInputs(network.inputs, tensor, max_rows=count).of(count)})
    return {name: _first(value, count) for name, value in outputs.items()} if count > 1 else outputs


def _first(value: Tensor, count: int) -> Tensor:
    """Return what belongs to the first of `count` pictures, still with an axis for the batch."""
    if value.ndim == 2 and value.shape[1] == 7:  # the boxes of all pictures together, each with its picture's index
        mine: Tensor = value[value[:, 0] == 0]
        return mine
    return value[:1] if value.ndim and len(value) == count else value
