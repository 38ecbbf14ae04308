"""The outputs of one run of a network, split by picture and checked for their shapes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from framehop import _core
from framehop.errors import ModelError

Array = NDArray[np.generic]
Outputs = Mapping[str, Array]  # of one run, as the runtime gave them: floats or integers of any width
Rows = Mapping[str, Array]  # of one picture, without the batch axis

_NUMBERS = "fiu"


def split(outputs: Outputs, axes: Mapping[str, int], count: int) -> list[Rows]:
    """Return the rows of each of `count` pictures. `axes`: number of axes of one picture's rows, by output; an output may lack its
    batch axis if there is one picture. Raises ModelError for any other number of axes or pictures, and for what is not numbers."""
    parts = {name: _by_picture(name, output(outputs, name), axes[name], count) for name in axes}
    return [{name: part[i] for name, part in parts.items()} for i in range(count)]


def output(outputs: Outputs, name: str) -> Array:
    """Return the output `name`. Raises ModelError if there is none, or if it is not numbers."""
    value = outputs.get(name)
    if value is None:
        raise ModelError(f"the head reads output {name!r}, but the network gives {', '.join(outputs)}")
    if value.dtype.kind not in _NUMBERS:
        raise ModelError(f"output {name!r} is {value.dtype}, but the head reads numbers")
    return value


def _by_picture(name: str, value: Array, axes: int, count: int) -> Array:
    if value.ndim == axes and count == 1:
        return value[np.newaxis]
    if value.ndim == axes + 1 and len(value) == count:
        return value
    raise ModelError(
        f"output {name!r} is {_shape(value.shape)} for {count} pictures, but the head reads"
        f" {_shape((count, *['?'] * axes))}: is it the right head and output in model.yaml?"
    )


def finite(rows: Rows) -> bool:
    """Return whether one picture's rows hold no NaN and no infinity."""
    return all(_is_finite(value) for value in rows.values())


def _is_finite(value: Array) -> bool:
    if value.ndim > 0 and value.dtype == np.float32 and value.flags.c_contiguous and value.flags.aligned:
        return _core.all_finite(value.view(np.float32))
    return bool(np.isfinite(value).all())


def expect(name: str, value: Array, shape: tuple[int | None, ...], *, may_be_empty: bool = False) -> None:
    """Raise ModelError unless one picture's row of output `name` has `shape`; None stands for any length but zero. `may_be_empty`:
    the first axis may be of length zero."""
    found = value.shape
    if may_be_empty and found[:1] == (0,):
        found, shape = found[1:], shape[1:]
    if len(found) == len(shape) and all(
        has == wants or (wants is None and has > 0) for has, wants in zip(found, shape, strict=True)
    ):
        return
    wanted = _shape(("N", *("?" if side is None else side for side in shape)))
    raise ModelError(
        f"output {name!r} is {_shape(('N', *value.shape))}, but the head reads {wanted}:"
        " is it the right head, output and input size in model.yaml?"
    )


def _shape(sides: tuple[int | str, ...]) -> str:
    return f"[{', '.join(map(str, sides))}]"
