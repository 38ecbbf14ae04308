"""The built-in network rewritten by graph surgery, so that it takes and gives what other families' networks do.

What goes in is undone inside: a family that feeds 0 to 1, or blue first, gets a network that multiplies by 255, or swaps. So every
rewritten network finds the same objects as the built-in one, if it is read as its family is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from framehop.inference import load_model

SIDE, ANCHORS, CLASSES = 300, 1917, 90
_INSIDE = "picture as the built-in network takes it"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The pictures that the rewritten network takes. A value is pixel × scale + bias, in its own order of channels; one number or
    three."""

    name: str = "images"
    kind: int = TensorProto.FLOAT
    channels_first: bool = True
    blue_first: bool = False
    scale: float | NDArray[np.float64] = 1 / 255
    bias: float | NDArray[np.float64] = 0.0
    shape: Sequence[int | str] | None = None


class Graph:
    """The network's graph, which grows at its end. Names of values are what its methods take and return."""

    def __init__(self, picture: Picture) -> None:
        data = load_model("coco-ssd").read()
        self._model = onnx.load_from_string(data)
        self._graph = self._model.graph
        for node in self._graph.node:
            node.input[:] = [_INSIDE if name == "image" else name for name in node.input]
        self._count = 0
        self._head: list[onnx.NodeProto] = []
        self._at_head = True
        self.inputs: list[onnx.ValueInfoProto] = []
        self._take(picture)
        self._at_head = False
        self.scores, self._boxes = "Postprocessor/Slice", "Postprocessor/ExpandDims_1"

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; returns the name of its output, or a list of names."""
        self._count += 1
        names = [f"new_{self._count}_{index}" for index in range(outputs)]
        node = helper.make_node(kind, inputs, names, **attributes)
        (self._head if self._at_head else self._graph.node).append(node)
        return names[0] if outputs == 1 else names

    def const(self, values: Any, dtype: Any = np.float32) -> str:
        self._count += 1
        name = f"const_{self._count}"
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def ints(self, *values: int) -> str:
        return self.const(values, np.int64)

    def columns(self, value: str, *which: int) -> str:
        return str(self.op("Gather", value, self.ints(*which), axis=-1))

    def reshape(self, value: str, *shape: int) -> str:
        return str(self.op("Reshape", value, self.ints(*shape)))

    def times(self, value: str, factor: object) -> str:
        return str(self.op("Mul", value, self.const(factor)))

    def cast(self, value: str, kind: int) -> str:
        return str(self.op("Cast", value, to=kind))

    def extra_input(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def _take(self, picture: Picture) -> None:
        """Undo the family's preparation in front of the network."""
        shape = picture.shape or ([1, 3, SIDE, SIDE] if picture.channels_first else [1, SIDE, SIDE, 3])
        self.inputs.append(helper.make_tensor_value_info(picture.name, picture.kind, shape))
        value = self.cast(picture.name, TensorProto.FLOAT)
        value = self.op("Transpose", value, perm=[0, 2, 3, 1]) if picture.channels_first else value
        value = self.op("Sub", value, self.const(np.broadcast_to(picture.bias, 3)))
        value = self.op("Div", value, self.const(np.broadcast_to(picture.scale, 3)))
        value = self.columns(value, 2, 1, 0) if picture.blue_first else value
        self._head.append(helper.make_node("Identity", [value], [_INSIDE]))

    # ---- what the network found

    def yxyx(self) -> str:
        """[1, A, 4], as shares."""
        return self.reshape(self._boxes, 1, ANCHORS, 4)

    def xyxy(self, *, pixels: bool = True) -> str:
        boxes = self.columns(self.yxyx(), 1, 0, 3, 2)
        return self.times(boxes, SIDE) if pixels else boxes

    def cxcywh(self, *, pixels: bool = True) -> str:
        low, high = self.op("Split", self.xyxy(pixels=pixels), self.ints(2, 2), axis=-1, outputs=2)
        centre = self.times(self.op("Add", low, high), 0.5)
        return str(self.op("Concat", centre, self.op("Sub", high, low), axis=-1))

    def suppressed(self) -> str:
        """Scores [1, A, C], all 0 where a better box lies."""
        best = self.op("ReduceMax", self.scores, axes=[2], keepdims=0)
        chosen = self.op(
            "NonMaxSuppression",
            self.yxyx(),
            self.reshape(best, 1, 1, ANCHORS),
            self.ints(100),
            self.const([0.5]),
            self.const([0.0]),
        )
        indices = self.columns(chosen, 2)
        ones = self.op(
            "Expand", self.const([1.0]), self.op("Slice", self.op("Shape", indices), self.ints(0), self.ints(1))
        )
        mask = self.op("ScatterND", self.const(np.zeros(ANCHORS)), indices, ones)
        return str(self.op("Mul", self.scores, self.reshape(mask, 1, ANCHORS, 1)))

    def labelled(self, scores: str) -> tuple[str, str]:
        """Return the best score and its class, each [1, K, 1]; the class is int64."""
        return (
            str(self.op("ReduceMax", scores, axes=[2], keepdims=1)),
            str(self.op("ArgMax", scores, axis=2, keepdims=1)),
        )

    def objects(self, count: int) -> tuple[str, str, str]:
        """Return scores [1, K, 1], classes int64 [1, K, 1] and indices to gather the boxes of the suppressed network by."""
        scores = self.suppressed()
        top = self.op("ReduceMax", scores, axes=[2], keepdims=0)
        _, indices = self.op("TopK", top, self.ints(count), axis=1, outputs=2)
        flat = self.reshape(indices, count)
        best, classes = self.labelled(str(self.op("Gather", scores, flat, axis=1)))
        return best, classes, flat

    def at(self, value: str, indices: str) -> str:
        return str(self.op("Gather", value, indices, axis=1))

    def join(self, *values: str, axis: int = -1) -> str:
        return str(self.op("Concat", *values, axis=axis))

    def logit(self, values: str) -> str:
        clipped = self.op("Clip", values, self.const(1e-6), self.const(1 - 1e-6))
        rest = self.op("Sub", self.const(1.0), clipped)
        return str(self.op("Log", self.op("Div", clipped, rest)))

    # ---- the file

    def build(
        self,
        outputs: Mapping[str, str],
        *,
        integers: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the file. `outputs`: values by the names that they get, without shapes, as exporters often write them. `integers`:
        those that are int64."""
        graph = self._graph
        last = [helper.make_node("Identity", [value], [name]) for name, value in outputs.items()]
        nodes = [*self._head, *graph.node, *last]
        del graph.node[:], graph.output[:], graph.input[:]
        graph.node.extend(nodes)
        graph.input.extend(self.inputs)
        for name in outputs:
            kind = TensorProto.INT64 if name in integers else TensorProto.FLOAT
            graph.output.append(helper.make_tensor_value_info(name, kind, None))
        del self._model.metadata_props[:]
        helper.set_model_props(self._model, dict(metadata or {}))
        return bytes(self._model.SerializeToString())
