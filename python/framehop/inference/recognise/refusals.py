"""Says what a network is that cannot be used, and which export can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from framehop.inference.network import TensorInfo
from framehop.inference.recognise.by_rows import rows_of_seven
from framehop.inference.recognise.facts import Facts
from framehop.inference.recognise.family import Family
from framehop.inference.recognise.picture_input import listed
from framehop.inference.recognise.undecoded import undecoded
from framehop.inference.tensors import Tensor


def unknown(facts: Facts) -> str:
    """Return why the outputs are no known detector's, as a message."""
    return next((text for ask in _KINDS if (text := ask(facts))), "") or (
        f"its outputs are of no detector that is known here: {_outputs(facts.outputs)}. If it is one of docs/models.md, say which"
        " in a .yaml of its own name beside it, as in `head: {name: yolov8}`; else export it with its boxes decoded"
    )


def ambiguous(families: Sequence[Family], keys: Sequence[str]) -> str:
    """Return the message that several families fit. `keys`: of `model.yaml`, which would decide."""
    titles = "; ".join(f"{family.title} (head.name: {family.head})" for family in families)
    return f"its outputs may be of several families: {titles}. Say in model.yaml which it is: {', '.join(keys)}"


def _outputs(outputs: Mapping[str, Tensor]) -> str:
    return listed([TensorInfo(name=name, dtype=str(value.dtype), shape=value.shape) for name, value in outputs.items()])


def _nothing(facts: Facts) -> str:
    return "" if facts.outputs else "it has no outputs of numbers: it is no detector"


def _not_finite(facts: Facts) -> str:
    bad = [name for name, value in facts.outputs.items() if value.dtype.kind == "f" and not np.isfinite(value).all()]
    return f"its output {bad[0]!r} holds NaN or infinity for the bundled picture: export it with float32" if bad else ""


def _turned(facts: Facts) -> str:
    table = facts.table(3)
    if table is None or facts.grid(table[1].shape[1]) is None or table[1].shape[2] != 4 + (facts.labels or 80):
        return ""
    return f"its output is a YOLOv8's with its last two axes exchanged: {_outputs(facts.outputs)}. Export it without a transpose"


def _undecoded(facts: Facts) -> str:
    text = undecoded(facts)
    return f"{text}. Its outputs: {_outputs(facts.outputs)}" if text else ""


def _rows_of_seven(facts: Facts) -> str:
    if rows_of_seven(facts) is None:
        return ""
    return (
        "its rows are a picture, a box, a score and a class, as of EfficientDet, but the boxes are no corners:"
        f" {_outputs(facts.outputs)}. They may be x, y, width and height, as older exports have them: export it with a newer one,"
        " which gives ymin, xmin, ymax, xmax"
    )


def _classes(facts: Facts) -> str:
    if len(facts.outputs) == 1 and all(value.ndim == 2 and len(value) == 1 for value in facts.outputs.values()):
        return f"it is a classification network: its output is {_outputs(facts.outputs)}, without any boxes"
    return ""


def _masks(facts: Facts) -> str:
    height = facts.size[1]
    large = [value for value in facts.outputs.values() if value.ndim == 4 and value.shape[2] * 8 > height]
    if large and len(facts.outputs) <= 2:
        return f"it gives maps, as a segmentation network does: {_outputs(facts.outputs)}"
    return ""


_KINDS = (_nothing, _not_finite, _turned, _masks, _undecoded, _rows_of_seven, _classes)
