"""Finds the input that takes the picture, and what the other inputs want."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from framehop.errors import ModelError
from framehop.inference.network import TensorInfo, shape_text
from framehop.inference.spec import Dtype, ExtraInput, InputOverrides, Layout

DTYPES = get_args(Dtype)

# The inputs beside the picture that exporters give their networks, by the name that they have there.
KNOWN_EXTRA: dict[str, ExtraInput] = {
    "orig_target_sizes": "canvas-wh",
    "im_shape": "canvas-hw",
    "scale_factor": "scale-factor-one",
    "pixel_mask": "ones-mask",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureInput:
    """The input for pictures. `layouts`: those that its shape allows, the likelier first. `width`, `height`: None if dynamic."""

    name: str
    dtype: Dtype
    layouts: tuple[Layout, ...]
    shape: tuple[int | None, ...]

    def size(self, layout: Layout) -> tuple[int | None, int | None]:
        """Return (width, height) as the file gives them."""
        if len(self.shape) != 4:
            return None, None
        return (self.shape[2], self.shape[1]) if layout == "NHWC" else (self.shape[3], self.shape[2])


def picture_input(inputs: Sequence[TensorInfo], said: InputOverrides) -> PictureInput:
    """Return the input for pictures: the one with a batch of pictures of three channels. Raises ModelError naming all inputs."""
    named = [info for info in inputs if info.name == said.name] if said.name else list(inputs)
    if said.name and not named:
        raise ModelError(f"input.name: the network has no input {said.name!r}; it has: {listed(inputs)}")
    likely = [info for info in named if info.name not in KNOWN_EXTRA and _layouts(info)]
    if len(likely) != 1:
        raise ModelError(_no_picture(inputs, likely))
    [info] = likely
    dtype = next((kind for kind in DTYPES if kind == info.dtype), None)
    if dtype is None:
        raise ModelError(
            f"its input {info.name!r} is {info.dtype}, and must be one of {', '.join(DTYPES)}: export it anew"
        )
    if said.dtype not in {None, dtype}:
        raise ModelError(f"input.dtype: the network takes {dtype} for {info.name!r}, not {said.dtype}")
    return PictureInput(name=info.name, dtype=dtype, layouts=_layouts(info), shape=info.shape)


def extra_inputs(
    inputs: Sequence[TensorInfo], picture: str, said: dict[str, ExtraInput] | None
) -> dict[str, ExtraInput]:
    """Return what each input but `picture` gets. Raises ModelError naming one that is not known."""
    known = KNOWN_EXTRA | (said or {})
    others = [info for info in inputs if info.name != picture]
    for info in others:
        if info.name not in known:
            raise ModelError(
                f"nothing is known of its input {info.name!r}; known are {', '.join(KNOWN_EXTRA)}. If it wants one of"
                f" {', '.join(get_args(ExtraInput))}, say so in model.yaml under input.extra, else export it without"
            )
    return {info.name: known[info.name] for info in others}


def listed(tensors: Sequence[TensorInfo]) -> str:
    """Return names, dtypes and shapes for a message; at most eight."""
    shown = [f"{info.name[:64]!r} {info.dtype[:32]} {shape_text(info.shape)}" for info in tensors[:8]]
    return ", ".join(shown) + (f" and {len(tensors) - 8} more" if len(tensors) > 8 else "") or "none"


def _layouts(info: TensorInfo) -> tuple[Layout, ...]:
    """Return the layouts that an input's shape allows; none if it takes no colour picture."""
    if len(info.shape) != 4:
        return ()
    first, last = info.shape[1], info.shape[3]
    if first == 3:
        return ("NCHW",)
    if last == 3:
        return ("NHWC",)
    if first is None and last is None:
        return ("NHWC", "NCHW") if info.dtype == "uint8" else ("NCHW", "NHWC")
    if first is None and info.shape[2] is None:
        return ("NCHW",)
    return ("NHWC",) if last is None and info.shape[2] is None else ()


def _no_picture(inputs: Sequence[TensorInfo], likely: Sequence[TensorInfo]) -> str:
    if likely:
        names = ", ".join(info.name for info in likely)
        return f"several inputs may take the picture: {names}; say which in model.yaml under input.name"
    return (
        f"it has no input for colour pictures, as float32 [N, 3, H, W] or [N, H, W, 3]; its inputs are {listed(inputs)}:"
        " it is no detector, or was exported for another kind of picture"
    )
