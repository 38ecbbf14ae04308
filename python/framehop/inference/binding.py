"""Runs a session on tensors where they lie, without a copy on the way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from framehop.inference.tensors import Batch, Tensor

if TYPE_CHECKING:
    import onnxruntime


def run_bound(
    session: onnxruntime.InferenceSession, feeds: Mapping[str, Batch | Tensor], outputs: Sequence[str]
) -> dict[str, Tensor]:
    """Run `session` on `feeds`, C-contiguous arrays or tensors of its device by input name. Returns the named outputs in this
    process's memory, owned by the caller. Errors are the runtime's."""
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
