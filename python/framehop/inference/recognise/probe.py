"""Runs a network on the bundled picture, prepared in one way or another."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from framehop._core import decode_jpeg
from framehop.inference.network import Network, Tensor
from framehop.inference.preprocess import InputTensor
from framehop.inference.registry import sample_picture
from framehop.inference.spec import ExtraInput, InputSpec, ResizeSpec


def probe(network: Network, tensor: InputSpec, resize: ResizeSpec) -> dict[str, Tensor]:
    """Return the outputs for the bundled picture, a batch of one. Raises ModelError when the runtime fails."""
    pixels = decode_jpeg(sample_picture())
    batch, _ = InputTensor(tensor, resize, max_batch=1).fill([pixels])
    return network.run({tensor.name: batch, **_extra(network, tensor)})


def _extra(network: Network, tensor: InputSpec) -> Mapping[str, Tensor]:
    kinds = {info.name: info.dtype for info in network.inputs}
    return {name: _value(what, tensor).astype(kinds[name]) for name, what in tensor.extra.items()}


def _value(what: ExtraInput, tensor: InputSpec) -> Tensor:
    match what:
        case "canvas-wh":
            return np.array([[tensor.width, tensor.height]])
        case "canvas-hw":
            return np.array([[tensor.height, tensor.width]])
        case "scale-factor-one":
            return np.ones((1, 2))
        case "ones-mask":
            return np.ones((1, tensor.height, tensor.width))
