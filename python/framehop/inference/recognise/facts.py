"""The facts of a network by which its family is recognised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from framehop.inference.recognise.grids import Grid, grid_of
from framehop.inference.recognise.notes import Notes
from framehop.inference.spec import ExtraInput, Layout
from framehop.inference.tensors import Tensor

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts that a family is recognised by. `size`: the input's (width, height). `config`: Hugging Face's name of the
    architecture, empty if unknown. `labels`: how many names there are, 0 if none. `outputs`: of the run on the bundled picture, in
    order."""

    size: Size
    layout: Layout
    extra: Mapping[str, ExtraInput]
    notes: Notes
    config: str
    labels: int
    outputs: Mapping[str, Tensor]

    def whole(self) -> Iterator[Facts]:
        yield self

    def each_alone(self) -> Iterator[Facts]:
        """Yield the same with one output, for each, if there are several: exporters leave features and grids beside the boxes."""
        if len(self.outputs) > 1:
            for name, value in self.outputs.items():
                yield replace(self, outputs={name: value})

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
        """Return the only output of float numbers with `rank` sides, None if there are none or several. A network's only output
        may lack the axis of the batch, which it then gets."""
        numbers = [(name, value) for name, value in self.outputs.items() if value.dtype.kind == "f"]
        found = [(name, value) for name, value in numbers if value.ndim == rank]
        if len(self.outputs) == len(numbers) == 1 and numbers[0][1].ndim == 2 < rank == 3:
            found = [(name, value[np.newaxis]) for name, value in numbers]
        return found[0] if len(found) == 1 else None

    def grid(self, anchors: int) -> Grid | None:
        """Return the grids of cells that `anchors` boxes come from, None if they come from none that is usual."""
        return grid_of(self.size, anchors)
