"""Runs a session on tensors where they lie, without a copy on the way in, nor on the way out where all of it is on the CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from framehop.inference.tensors import Batch, Tensor

if TYPE_CHECKING:
    import onnxruntime


def run_tensors(
    session: onnxruntime.InferenceSession,
    feeds: Mapping[str, Batch | Tensor],
    outputs: Sequence[str],
    *,
    on_cpu: bool,
) -> dict[str, Tensor]:
    """Run `session` on `feeds`, C-contiguous arrays or tensors of its device by input name. Returns the named outputs in this
    process's memory, owned by the caller. `on_cpu`: the network runs on the CPU provider. Errors are the runtime's."""
    arrays = {name: tensor for name, tensor in feeds.items() if isinstance(tensor, np.ndarray)}
    if on_cpu and len(arrays) == len(feeds):
        return run_arrays(session, arrays, outputs)
    return run_bound(session, feeds, outputs)


def run_arrays(
    session: onnxruntime.InferenceSession, feeds: Mapping[str, Tensor], outputs: Sequence[str]
) -> dict[str, Tensor]:
    """Run on arrays without a binding, which would copy each output once: these lie in the runtime's memory, which it gets back
    with the last view of them."""
    return dict(zip(outputs, session.run(list(outputs), dict(feeds)), strict=True))


def run_bound(
    session: onnxruntime.InferenceSession, feeds: Mapping[str, Batch | Tensor], outputs: Sequence[str]
) -> dict[str, Tensor]:
    """Run with every input bound where it lies; the outputs come to this process's memory."""
    binding = session.io_binding()
    for name, tensor in feeds.items():
        _bind(binding, name, tensor)
    for name in outputs:
        binding.bind_output(name, "cpu")  # from a GPU the runtime copies each once, at the end of the run
    binding.synchronize_inputs()
    session.run_with_iobinding(binding)
    binding.synchronize_outputs()
    return dict(zip(outputs, binding.copy_outputs_to_cpu(), strict=True))


def _bind(binding: onnxruntime.IOBinding, name: str, tensor: Batch | Tensor) -> None:
    """Lend `tensor` to the next run. The runtime copies an array to the GPU now, straight from page-locked memory."""
    if isinstance(tensor, np.ndarray):
        binding.bind_cpu_input(name, tensor)
    else:
        tensor.bind(binding, name)
