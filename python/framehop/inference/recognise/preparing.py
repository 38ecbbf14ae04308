"""Chooses how pictures are prepared: what the sidecar says, what a file beside the network says, and what its family is used to."""

from __future__ import annotations

from framehop.errors import ModelError
from framehop.inference.recognise.beside import Beside
from framehop.inference.recognise.choices import ReasonedChoices
from framehop.inference.recognise.family import Family
from framehop.inference.recognise.first_try import Tried
from framehop.inference.spec import InputOverrides, InputSpec, Overrides, PerChannel, ResizeSpec


def choose_input(choices: ReasonedChoices, said: Overrides, tried: Tried, family: Family, beside: Beside) -> InputSpec:
    """Return the input. Raises ModelError for a normalisation that no file tells and that cannot be guessed."""
    tensor, preparation, usual = tried.tensor, family.preparation, f"usual for {family.title}"
    scale, bias, why = _normalisation(tensor, said.input, family, beside)
    if scale is None or bias is None:
        raise ModelError(_ask(family))
    return InputSpec(
        name=choices.take("input.name", said.input.name, tensor.name, "its only input for pictures"),
        layout=choices.take("input.layout", said.input.layout, tensor.layout, tried.layout_why),
        width=choices.take("input.width", said.input.width, tensor.width, tried.size_why),
        height=choices.take("input.height", said.input.height, tensor.height, tried.size_why),
        dtype=choices.take("input.dtype", None, tensor.dtype, "the network takes it"),
        colour=choices.take("input.colour", said.input.colour, preparation.colour, usual),
        scale=choices.take("input.scale", said.input.scale, scale, why),
        bias=choices.take("input.bias", said.input.bias, bias, why),
        extra=choices.take("input.extra", said.input.extra, tensor.extra, "known by name") if tensor.extra else {},
    )


def choose_resize(choices: ReasonedChoices, said: Overrides, family: Family, beside: Beside) -> ResizeSpec:
    """Return the way pictures are resized, which few files tell."""
    preparation, usual = family.preparation, f"usual for {family.title}"
    told = beside.mode if family.configured else None
    why = f"{beside.source} says so" if told else usual
    mode = choices.take("resize.mode", said.resize.mode, told or preparation.mode, why)
    if mode == "stretch" and said.resize.pad is None:
        return ResizeSpec(mode=mode)
    return ResizeSpec(mode=mode, pad=choices.take("resize.pad", said.resize.pad, preparation.pad, usual))


def _normalisation(
    tensor: InputSpec, said: InputOverrides, family: Family, beside: Beside
) -> tuple[PerChannel | None, PerChannel | None, str]:
    """Return scale and bias, None if nothing tells them, and the reason."""
    if tensor.dtype == "uint8":
        return 1.0, 0.0, "the input takes bytes"
    if family.configured and beside.scale is not None and beside.bias is not None:
        return _simple(beside.scale), _simple(beside.bias), f"{beside.source} says so"
    if "input.scale" in family.asked:
        return said.scale, said.bias, ""
    preparation = family.preparation
    return preparation.scale, preparation.bias, preparation.why or f"usual for {family.title}"


def _simple(values: tuple[float, float, float]) -> PerChannel:
    return values[0] if len(set(values)) == 1 else values


def _ask(family: Family) -> str:
    return (
        f"input.scale, input.bias: it looks like {family.title}, and no file says how its pictures are normalised. Set both in"
        " model.yaml: value = pixel × scale + bias; for a mean and a deviation of pixels scale = 1 / deviation and"
        " bias = −mean / deviation; and input.colour if it is not RGB"
    )
