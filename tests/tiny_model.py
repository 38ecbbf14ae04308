"""Networks of a few bytes, written by hand in ONNX's wire format, whose outputs a test chooses through its pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

WIDTH, HEIGHT = 4, 2
VALUES = WIDTH * HEIGHT * 3
Shape = Sequence[int | str]


def _varint(number: int) -> bytes:
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(high) if high else bytes([low])


def field(number: int, value: int | str | bytes) -> bytes:
    """One protobuf field: an integer, or text, bytes or a message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def node(op: str, inputs: Sequence[str], output: str, **integers: int) -> bytes:
    """Return a node of a graph. `integers`: its attributes."""
    attributes = (field(5, field(1, name) + field(3, number) + field(20, 2)) for name, number in integers.items())
    return b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, op) + b"".join(attributes)


def tensor(name: str, values: NDArray[np.float32] | NDArray[np.int64]) -> bytes:
    kind = 7 if values.dtype == np.int64 else 1
    return (
        b"".join(field(1, side) for side in values.shape) + field(2, kind) + field(8, name) + field(9, values.tobytes())
    )


def external_tensor(name: str, shape: Sequence[int], location: str) -> bytes:
    where = field(1, "location") + field(2, location)
    return b"".join(field(1, side) for side in shape) + field(2, 1) + field(8, name) + field(13, where) + field(14, 1)


def value(name: str, shape: Shape, kind: int = 1) -> bytes:
    sides = b"".join(field(1, field(1, side) if isinstance(side, int) else field(2, side)) for side in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, sides)))


def network(
    nodes: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes], weights: Sequence[bytes]
) -> bytes:
    parts = [(1, nodes), (5, weights), (11, inputs), (12, outputs)]
    graph = field(2, "tiny") + b"".join(field(number, part) for number, group in parts for part in group)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


FLOAT, UINT8, INT64, FLOAT16 = 1, 2, 7, 10  # the format's numbers of element types


def ssd_network(*, batch: int | str = "N", shape: Shape = (HEIGHT, WIDTH, 3), kind: int = FLOAT) -> bytes:
    """One anchor, two classes. The scores are the first pixel's red and green over 255, and NaN where its blue is 255. The box
    is the input's right half. `kind`: the input's element type."""
    return _ssd_behind([], [], value("image", [batch, *shape], kind), batch)


def corner_network(width: int, height: int) -> bytes:
    """Make a tiny network for large pictures, of which only the corner counts."""
    crop = node("Slice", ["whole", "first", "last", "sides"], "image")
    places = [
        tensor("first", np.zeros(2, np.int64)),
        tensor("last", np.array([HEIGHT, WIDTH])),
        tensor("sides", np.array([1, 2])),
    ]
    return _ssd_behind([crop], places, value("whole", ["N", height, width, 3]), "N")


def _ssd_behind(first: Sequence[bytes], constants: Sequence[bytes], source: bytes, batch: int | str) -> bytes:
    """Return the network with nodes before it, the last of which has the output `image`."""
    scores, blue = np.zeros((VALUES, 2), np.float32), np.zeros((VALUES, 1), np.float32)
    scores[0, 0] = scores[1, 1] = 1 / 255
    blue[2, 0] = -1
    nodes = [
        *first,
        node("Cast", ["image"], "floats", to=FLOAT),
        node("Flatten", ["floats"], "flat"),
        node("MatMul", ["flat", "pick"], "picked"),
        node("MatMul", ["flat", "blue"], "negative"),
        node("Add", ["negative", "full"], "rest"),
        node("Div", ["rest", "rest"], "one"),  # 0 / 0
        node("Mul", ["picked", "one"], "product"),
        node("Reshape", ["product", "scores_shape"], "scores"),
        node("MatMul", ["flat", "nothing"], "origin"),
        node("Add", ["origin", "half"], "placed"),
        node("Reshape", ["placed", "boxes_shape"], "boxes"),
    ]
    weights = [
        *constants,
        tensor("pick", scores),
        tensor("blue", blue),
        tensor("full", np.full(1, 255, np.float32)),
        tensor("nothing", np.zeros((VALUES, 4), np.float32)),
        tensor("half", np.array([0, 0.5, 1, 1], np.float32)),
        tensor("scores_shape", np.array([-1, 1, 2])),
        tensor("boxes_shape", np.array([-1, 1, 1, 4])),
    ]
    outputs = [value("scores", [batch, 1, 2]), value("boxes", [batch, 1, 1, 4])]
    return network(nodes, [source], outputs, weights)


def columns_network(columns: int) -> bytes:
    """One anchor per column of a picture of so many columns and two rows. The score of its box, which lies in the column, is the
    upper pixel's red over 255."""
    values = columns * 2 * 3
    pick = np.zeros((values, columns * 2), np.float32)
    for column in range(columns):
        pick[column * 3, column * 2] = 1 / 255
    left = (np.arange(columns) + 0.25) / columns
    boxes = np.stack([np.full(columns, 0.25), left, np.full(columns, 0.75), left + 0.5 / columns], 1)
    nodes = [
        node("Flatten", ["image"], "flat"),
        node("MatMul", ["flat", "pick"], "picked"),
        node("Reshape", ["picked", "scores_shape"], "scores"),
        node("MatMul", ["flat", "nothing"], "origin"),
        node("Add", ["origin", "places"], "placed"),
        node("Reshape", ["placed", "boxes_shape"], "boxes"),
    ]
    weights = [
        tensor("pick", pick),
        tensor("nothing", np.zeros((values, columns * 4), np.float32)),
        tensor("places", boxes.astype(np.float32).reshape(-1)),
        tensor("scores_shape", np.array([-1, columns, 2])),
        tensor("boxes_shape", np.array([-1, columns, 1, 4])),
    ]
    outputs = [value("scores", ["N", columns, 2]), value("boxes", ["N", columns, 1, 4])]
    return network(nodes, [value("image", ["N", 2, columns, 3])], outputs, weights)


def write_columns_model(directory: Path, columns: int) -> Path:
    """Write a model that finds the bright columns of a picture."""
    size = {"name": "image", "layout": "NHWC", "width": columns, "height": 2, "colour": "RGB"}
    return write_model(directory, columns_network(columns), input=size)


def write_corner_model(directory: Path, width: int, height: int) -> Path:
    """Write a model that takes pictures of this size."""
    size = {"name": "whole", "layout": "NHWC", "width": width, "height": height, "colour": "RGB"}
    return write_model(directory, corner_network(width, height), input=size)


def sidecar(data: bytes, /, **changes: object) -> dict[str, object]:
    """Return the model.yaml that belongs beside :func:`ssd_network`, with whole sections replaced."""
    return {
        "name": "tiny",
        "version": "7",
        "file": "model.onnx",
        "sha256": hashlib.sha256(data).hexdigest(),
        "input": {"name": "image", "layout": "NHWC", "width": WIDTH, "height": HEIGHT, "colour": "RGB"},
        "resize": {"mode": "stretch"},
        "head": {"name": "ssd", "scores": "scores", "boxes": "boxes", "first_label_id": 5},
        "labels": {5: "red", 6: "green"},
        **changes,
    }


def write_model(directory: Path, data: bytes | None = None, /, **changes: object) -> Path:
    """Write both files; returns the sidecar's path."""
    content = ssd_network() if data is None else data
    (directory / "model.onnx").write_bytes(content)
    path = directory / "model.yaml"
    path.write_text(yaml.safe_dump(sidecar(content, **changes)))
    return path


def picture(red: int, green: int = 0, blue: int = 0, *, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """All of one colour, so that any resize of it has the same first pixel."""
    return np.full((height, width, 3), (red, green, blue), np.uint8)
