"""Heads turn a model family's raw outputs into candidate boxes. A new one needs a spec in `inference.head_specs`, a class, and its
line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from framehop.inference import head_specs as specs
from framehop.inference.postprocess.boxes_scores import BoxesScoresHead
from framehop.inference.postprocess.candidates import Candidates
from framehop.inference.postprocess.counted import CountedHead
from framehop.inference.postprocess.deployed import MmdeployHead, RtdetrHead
from framehop.inference.postprocess.detr import DetrHead
from framehop.inference.postprocess.fastestdet import FastestdetHead
from framehop.inference.postprocess.finished_rows import CenternetHead, RowsHead
from framehop.inference.postprocess.nanodet import NanodetHead
from framehop.inference.postprocess.rows import Outputs, Rows
from framehop.inference.postprocess.rows7 import Rows7Head
from framehop.inference.postprocess.ssd import SsdHead
from framehop.inference.postprocess.yolov5 import Yolov5Head
from framehop.inference.postprocess.yolov8 import Yolov8Head
from framehop.inference.postprocess.yolox import YoloxHead
from framehop.inference.spec import InputSpec


class Head(Protocol):
    """Reads the outputs of a network. Immutable, thread-safe."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the network's outputs that it reads."""

    @property
    def suppress(self) -> bool:
        """Whether its candidates overlap, so that they need suppression; false for networks that suppress inside."""

    def rows(self, outputs: Outputs, count: int) -> list[Rows]:
        """Split the outputs of a run of `count` pictures by picture. Outputs may be floats or integers of any width, and may lack
        the batch axis if `count` is 1. Raises ModelError that says what was found and what is read."""

    def candidates(self, rows: Rows, threshold: float) -> Candidates:
        """Return all boxes of one picture that score at least `threshold`. `rows`: the picture's, finite. Raises ModelError if
        their shapes are not this head's, or scores or label ids are out of range."""


# Each is made of its own spec, which is its key here, and of the network's input.
_HEADS: Mapping[type[specs.HeadSpec], Callable[..., Head]] = {
    specs.SsdSpec: SsdHead,
    specs.YoloxSpec: YoloxHead,
    specs.Yolov8Spec: Yolov8Head,
    specs.Yolov5Spec: Yolov5Head,
    specs.RowsSpec: RowsHead,
    specs.Rows7Spec: Rows7Head,
    specs.RtdetrSpec: RtdetrHead,
    specs.DetrSpec: DetrHead,
    specs.RfdetrSpec: DetrHead,
    specs.MmdeploySpec: MmdeployHead,
    specs.EfficientNmsSpec: CountedHead,
    specs.TfSpec: CountedHead,
    specs.BoxesScoresSpec: BoxesScoresHead,
    specs.NanodetSpec: NanodetHead,
    specs.FastestdetSpec: FastestdetHead,
    specs.CenternetSpec: CenternetHead,
}


def make_head(spec: specs.HeadSpec, tensor: InputSpec) -> Head:
    """Make the head that `spec` describes, for a network with the input `tensor`."""
    return _HEADS[type(spec)](spec, tensor)
