"""The inputs that a network has beside the picture, and whether all of them are what the model's description says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from framehop.errors import ModelError
from framehop.inference.network import NUMERIC, Shape, TensorInfo, shape_text
from framehop.inference.spec import ExtraInput, InputSpec
from framehop.inference.tensors import Tensor


def check_inputs(infos: Sequence[TensorInfo], spec: InputSpec) -> TensorInfo:
    """Return the picture's input. Raises ModelError if it, or another input, is not as `spec` says."""
    known = {info.name: info for info in infos}
    picture = known.pop(spec.name, None)
    if picture is None:
        raise ModelError(f"input.name: the network has no input {spec.name!r}; it has: {_named(infos)}")
    if picture.dtype != spec.dtype:
        raise ModelError(f"input.dtype: the network takes {picture.dtype} for {spec.name!r}, not {spec.dtype}")
    if len(picture.shape) != 4 or not _fits(picture.shape[1:], spec.item_shape):
        raise ModelError(
            f"input: the network takes {shape_text(picture.shape)}, and not {shape_text((None, *spec.item_shape))}"
        )
    if missing := known.keys() - spec.extra.keys():
        raise ModelError(
            f"input.extra: the network also needs {_named([known[name] for name in sorted(missing)])}: say what each gets"
        )
    if unknown := spec.extra.keys() - known.keys():
        raise ModelError(f"input.extra: the network has no input {min(unknown)!r}; it has: {_named(infos)}")
    return picture


class ExtraInputs:
    """The tensors of all other inputs. They depend on the size of the picture's tensor only, so they are made once."""

    def __init__(self, infos: Sequence[TensorInfo], spec: InputSpec, *, max_rows: int) -> None:
        """Make tensors of up to `max_rows` rows. Raises ModelError if a network takes no such tensor."""
        others = [info for info in infos if info.name != spec.name]
        self._tensors = {info.name: _tensor(info, spec, max_rows) for info in others}
        self._per_picture = {info.name for info in others if has_dynamic_batch(info)}

    def of(self, rows: int) -> dict[str, Tensor]:
        """Return the tensors for a run on `rows` pictures, by name. They must not be written to."""
        return {name: tensor[:rows] if name in self._per_picture else tensor for name, tensor in self._tensors.items()}


def has_dynamic_batch(info: TensorInfo) -> bool:
    """Return whether the input takes any number of rows. One without a shape in the file is taken to."""
    return not info.shape or info.shape[0] is None


def item_of(info: TensorInfo, spec: InputSpec) -> tuple[int, ...]:
    """Return the shape of an input's tensor for one picture, without the batch."""
    return spec.item_shape if info.name == spec.name else _value(spec.extra[info.name], spec).shape


def _tensor(info: TensorInfo, spec: InputSpec, max_rows: int) -> Tensor:
    kind = spec.extra[info.name]
    value = _value(kind, spec)
    item = value.astype(info.dtype) if info.dtype in NUMERIC else None
    if item is None or not np.array_equal(item, value):
        raise ModelError(f"input.extra: {info.name!r} takes {info.dtype}, which cannot hold {kind} = {value.flat[0]}")
    if info.shape and len(info.shape) == item.ndim and _fits(info.shape, item.shape):
        return item
    if info.shape and (len(info.shape) != item.ndim + 1 or not _fits(info.shape[1:], item.shape)):
        raise ModelError(
            f"input.extra: {info.name!r} takes {shape_text(info.shape)}, and {kind} is {shape_text((None, *item.shape))}"
        )
    rows = max_rows if has_dynamic_batch(info) else info.shape[0] or 0
    return np.ascontiguousarray(np.broadcast_to(item, (rows, *item.shape)))


def _value(kind: ExtraInput, spec: InputSpec) -> Tensor:
    match kind:
        case "canvas-wh":
            return np.array([spec.width, spec.height])
        case "canvas-hw":
            return np.array([spec.height, spec.width])
        case "scale-factor-one":
            return np.ones(2)
        case "ones-mask":
            return np.ones((spec.height, spec.width))


def _fits(has: Shape, wants: Shape) -> bool:
    return len(has) == len(wants) and all(side in {None, wanted} for side, wanted in zip(has, wants, strict=True))


def _named(infos: Sequence[TensorInfo]) -> str:
    return ", ".join(f"{info.name!r} ({info.dtype} {shape_text(info.shape)})" for info in infos)
