"""All that is known of a network before its family is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from framehop.inference.recognise.grids import Grid, grid_of
from framehop.inference.recognise.notes import Notes
from framehop.inference.spec import ExtraInput, Layout
from framehop.inference.tensors import Tensor

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a family is recognised by. `size`: the input's (width, height). `config`: Hugging Face's name of the architecture,
    empty if unknown. `labels`: how many names there are, 0 if none. `outputs`: of the run on the bundled picture, in order."""

    size: Size
    layout: Layout
    extra: Mapping[str, ExtraInput]
    notes: Notes
    config: str
    labels: int
    outputs: Mapping[str, Tensor]

    def named(self, *names: str) -> tuple[str, ...] | None:
        """Return the outputs that are called so, or end in an underscore or a slash and the name; None unless all are there."""
        found = tuple(self._called(name) for name in names)
        return None if "" in found else found

    def _called(self, name: str) -> str:
        if name in self.outputs:
            return name
        whole = [output.removesuffix(":0") for output in self.outputs]
        fits = (output == name or output.endswith((f"_{name}", f"/{name}")) for output in whole)
        return next((output for output, fit in zip(self.outputs, fits, strict=True) if fit), "")

    def table(self, rank: int) -> tuple[str, Tensor] | None:
        """Return the only output of float numbers with `rank` sides, None if there are none or several."""
        found = [
            (name, value) for name, value in self.outputs.items() if value.ndim == rank and value.dtype.kind == "f"
        ]
        return found[0] if len(found) == 1 else None

    def grid(self, anchors: int) -> Grid | None:
        """Return the grids of cells that `anchors` boxes come from, None if they come from none that is usual."""
        return grid_of(self.size, anchors)
