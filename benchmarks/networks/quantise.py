"""Makes a network of int8 by ONNX Runtime's own tools, for an interpreter that has them:
python quantise.py MODEL INPUT CALIBRATION.npy FOLDED.onnx INT8.onnx. Weights kept as float16 are float32 in the first."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

# What lies between convolutions; the rest of a detector is arithmetic on its boxes, which eight bits would spoil.
QUANTISED = ["Conv", "Clip", "Relu", "Add"]


class Tensors(CalibrationDataReader):  # type: ignore[misc]  # it has no types
    """Gives the inputs of pictures one by one."""

    def __init__(self, name: str, tensors: np.ndarray) -> None:
        self._left: Iterator[dict[str, np.ndarray]] = iter([{name: tensor[None]} for tensor in tensors])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._left, None)


def fold(model: str, to: str) -> None:
    """Write the network with its constants computed, so that its weights are float32 and quantisation finds them, and with a name
    for each node, by which it can be left out."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = to
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    network = onnx.load(to)
    for number, node in enumerate(network.graph.node):
        node.name = f"node-{number}"
    onnx.save(network, to)


def behind_convolutions(path: str) -> list[str]:
    """Return the names of the nodes from which no way leads to a convolution."""
    nodes = onnx.load(path).graph.node
    needed: set[str] = set()
    behind: list[str] = []
    for node in reversed(nodes):  # they stand in the order in which they run
        if node.op_type == "Conv" or needed.intersection(node.output):
            needed.update(node.input)
        else:
            behind.append(node.name)
    return behind


def main() -> None:
    model, name, calibration, folded, int8 = sys.argv[1:]
    fold(model, folded)
    quantize_static(
        folded,
        int8,
        Tensors(name, np.load(calibration)),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=QUANTISED,
        nodes_to_exclude=behind_convolutions(folded),
        per_channel=True,
        reduce_range=True,  # without VNNI the sums of two products of 8 bits overflow 16
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    quantised = sum(node.op_type == "QuantizeLinear" for node in onnx.load(int8).graph.node)
    if not quantised:
        sys.exit(f"nothing of {model} was quantised")


if __name__ == "__main__":
    main()
