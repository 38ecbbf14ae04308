"""Chooses what goes into the network: which input, its layout and size, and how it is first tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from framehop.errors import ModelError
from framehop.inference.network import Network, shape_text
from framehop.inference.recognise.beside import Beside
from framehop.inference.recognise.notes import Notes
from framehop.inference.recognise.picture_input import PictureInput, extra_inputs, picture_input
from framehop.inference.recognise.probe import probe
from framehop.inference.spec import InputOverrides, InputSpec, Layout, Overrides, PerChannel, ResizeSpec
from framehop.inference.tensors import Tensor

_TF_SIZE = (640, 640)
MAX_SIDE = 4096
_ASK_SIZE = (
    "its input takes pictures of any size, and no file says which it was trained with: set input.width and input.height in"
    " model.yaml"
)

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A run of the network that worked. `size_why`, `layout_why`: clauses."""

    tensor: InputSpec
    resize: ResizeSpec
    outputs: dict[str, Tensor]
    layout_why: str
    size_why: str


def first_try(network: Network, said: Overrides, notes: Notes, beside: Beside) -> Tried:
    """Run the network on the bundled picture: as the sidecar says, and where it says nothing, with values of 0 to 1. These show how
    outputs are laid out, whatever the network was trained with. Raises ModelError."""
    picture = picture_input(network.inputs, said.input)
    extra = extra_inputs(network.inputs, picture.name, said.input.extra)
    hints = list(_hints(network, picture, notes, beside))
    resize = ResizeSpec(mode=said.resize.mode or "stretch", pad=114.0 if said.resize.pad is None else said.resize.pad)
    failed: list[ModelError] = []
    for layout, layout_why in _layouts(picture, said.input):
        width, height, size_why = _size(picture, layout, said.input, hints)
        tensor = InputSpec(
            name=picture.name,
            width=width,
            height=height,
            layout=layout,
            dtype=picture.dtype,
            extra=extra,
            colour=said.input.colour or "RGB",
            scale=_scale(picture, said.input.scale),
            bias=0.0 if said.input.bias is None else said.input.bias,
        )
        try:
            outputs = probe(network, tensor, resize)
        except ModelError as error:
            failed.append(error)
            continue
        return Tried(tensor=tensor, resize=resize, outputs=outputs, layout_why=layout_why, size_why=size_why)
    raise failed[0]


def outputs_for(network: Network, tried: Tried, tensor: InputSpec, resize: ResizeSpec) -> dict[str, Tensor]:
    """Return the outputs for the bundled picture, prepared as `tensor` and `resize` say; those of the first try if they are."""
    return tried.outputs if (tensor, resize) == (tried.tensor, tried.resize) else probe(network, tensor, resize)


def _scale(picture: PictureInput, said: PerChannel | None) -> PerChannel:
    if said is not None:
        return said
    return 1.0 if picture.dtype == "uint8" else 1 / 255


def _layouts(picture: PictureInput, said: InputOverrides) -> Iterator[tuple[Layout, str]]:
    if said.layout is not None:
        yield said.layout, ""
        return
    certain = len(picture.layouts) == 1
    for layout in picture.layouts:
        channels = "first" if layout == "NCHW" else "last"
        why = f"its shape has the channels {channels}"
        yield layout, why if certain else f"the file does not say, and it runs with the channels {channels}"


def _hints(network: Network, picture: PictureInput, notes: Notes, beside: Beside) -> Iterator[tuple[Size, str]]:
    """Yield sizes for an input that takes any, with their reasons, the best first."""
    if notes.size is not None:
        yield notes.size, "the metadata says imgsz"
    if beside.size is not None:
        yield beside.size, f"{beside.source} says so"
    if picture.dtype == "uint8" and any("detection_boxes" in info.name for info in network.outputs):
        yield _TF_SIZE, "TensorFlow's networks of any size resize inside"


def _size(
    picture: PictureInput, layout: Layout, said: InputOverrides, hints: Sequence[tuple[Size, str]]
) -> tuple[int, int, str]:
    """Return width, height and the reason. Raises ModelError if sidecar and network differ, or nothing tells the size."""
    fixed = picture.size(layout)
    wanted = said.width or fixed[0], said.height or fixed[1]
    fits = all(has in {None, want} for has, want in zip(fixed, wanted, strict=True))
    if not fits or layout not in picture.layouts:
        raise ModelError(f"input: the network takes {_shape(picture)}, and not {_described(layout, wanted)}")
    if max(filter(None, fixed), default=0) > MAX_SIDE:
        raise ModelError(
            f"it takes {_shape(picture)}, and a side can have at most {MAX_SIDE} pixels: export it for a smaller size"
        )
    if wanted[0] and wanted[1]:
        return wanted[0], wanted[1], "its shape is fixed"
    if not hints:
        raise ModelError(_ASK_SIZE)
    (width, height), why = hints[0]
    return wanted[0] or width, wanted[1] or height, why


def _shape(picture: PictureInput) -> str:
    return shape_text((None, *picture.shape[1:]))


def _described(layout: Layout, size: tuple[int | None, int | None]) -> str:
    width, height = size
    return shape_text((None, height, width, 3) if layout == "NHWC" else (None, 3, height, width))
