"""Heads turn a model family's raw outputs into candidate boxes. A new one needs a spec in `inference.spec`, a class, and a case
here."""

from __future__ import annotations

from typing import Protocol

from framehop.inference.postprocess.candidates import Candidates, Rows
from framehop.inference.postprocess.ssd import SsdHead
from framehop.inference.postprocess.yolox import YoloxHead
from framehop.inference.spec import HeadSpec, InputSpec, SsdSpec, YoloxSpec


class Head(Protocol):
    """Reads the outputs of one picture. Immutable, thread-safe."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the network's outputs that it reads."""

    def candidates(self, outputs: Rows, threshold: float) -> Candidates:
        """Return all boxes that score at least `threshold`, before suppression. `outputs`: one picture's rows by name, finite.
        Raises ModelError if their shapes are not this head's."""


def make_head(spec: HeadSpec, tensor: InputSpec) -> Head:
    """Make the head that `spec` describes, for a network with the input `tensor`."""
    match spec:
        case SsdSpec():
            return SsdHead(spec, tensor)
        case YoloxSpec():
            return YoloxHead(spec, tensor)
