"""The functions that turn logits into scores, for any finite number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 / (1 + exp(-value)), 0–1."""
    half = np.float32(0.5)
    result: NDArray[np.float32] = np.tanh(values * half) * half + half  # unlike the exponential, it cannot overflow
    return result


def softmax(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the shares of the exponentials along the last axis; they sum to 1."""
    with np.errstate(over="ignore"):  # the difference of two wild numbers is -inf, and its exponential 0
        shares = np.exp(values - values.max(axis=-1, keepdims=True))
    result: NDArray[np.float32] = shares / shares.sum(axis=-1, keepdims=True)
    return result
