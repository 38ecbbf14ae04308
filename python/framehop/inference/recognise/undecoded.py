"""Says what a network is whose boxes are not decoded yet, and which export decodes them."""

from __future__ import annotations

from collections import defaultdict

from framehop.inference.recognise.facts import Facts
from framehop.inference.recognise.values import are_corners, are_scores, of_one
from framehop.inference.tensors import Tensor

_DFL = 64  # 4 sides × 16 bins
_COCO = 80

_DISTRIBUTIONS = (
    "its outputs are undecoded distributions of a YOLOv8 or later. Export the model for ONNX, not for a chip:"
    " yolo export format=onnx"
)
_YOLO_GRIDS = (
    "its outputs are undecoded grids of a YOLOv5 or v7, which need anchors. Export it decoded: YOLOv5 without --train, YOLOv7"
    " with --grid"
)
_ANCHOR_MAPS = (
    "its outputs are undecoded maps, as of Yolo-Fastest, YOLOv3 or v4, which need anchors, and no file has these. Export it with"
    " its boxes decoded: YOLOv5 without --train, YOLOv7 with --grid, Darknet's by a converter that adds the YOLO layers"
)
_FASTEST_V2 = (
    "its outputs are undecoded maps of boxes, objectness and classes with several anchors, as of Yolo-FastestV2, and no file has"
    " the anchors. Export it with its boxes decoded"
)
_SSD_MAPS = (
    "its outputs are undecoded maps of boxes and classes, as of SSD or RetinaNet, which need anchors, and no file has these."
    " Export it with its boxes decoded: torchvision's whole model, MMDetection by MMDeploy, TensorFlow's from its SavedModel"
)
_ANCHOR_FREE = (
    "its outputs are undecoded maps of classes and distances, as of RTMDet, FCOS or YOLOX. Export it with its boxes decoded:"
    " MMDetection by MMDeploy, YOLOX by tools/export_onnx.py --decode_in_inference"
)
_ENCODED = (
    "its boxes are relative to anchors, as of an SSD without its decoding or converted from TensorFlow Lite, and no file has the"
    " anchors. Export it with its boxes decoded: TensorFlow's by python -m tf2onnx.convert --saved-model, torchvision's as a whole"
    " model"
)
_LOGITS = (
    "it has boxes, but the numbers beside them are no scores of 0 to 1. Export it with its last sigmoid or softmax"
)


def undecoded(facts: Facts) -> str:
    """Return what the outputs are and the way out, if they are boxes that are not decoded; else an empty text."""
    return _of_grids(facts) or _of_maps(facts) or _of_tables(facts)


def _of_grids(facts: Facts) -> str:
    """Look for a YOLO's five-sided grids: three anchors, a map, and the numbers of a box."""
    values = facts.outputs.values()
    return _YOLO_GRIDS if all(value.ndim == 5 and 3 in (value.shape[1], value.shape[3]) for value in values) else ""


def _of_maps(facts: Facts) -> str:
    """Look for maps [N, c, h, w], or with the channels last, of two sizes or more."""
    if any(value.ndim == 3 and _DFL in value.shape[1:] for value in facts.outputs.values()):
        return _DISTRIBUTIONS
    scales: dict[tuple[int, int], list[int]] = defaultdict(list)
    for value in facts.outputs.values():
        if value.ndim != 4:
            return ""
        channels, *size = value.shape[1:] if facts.layout == "NCHW" else (value.shape[3], *value.shape[1:3])
        scales[size[0], size[1]].append(channels)
    kinds = {tuple(sorted(channels)) for channels in scales.values()}
    if len(scales) < 2 or len({len(kind) for kind in kinds}) != 1:
        return ""
    return _of_scale(min(kinds), facts.labels or _COCO)


def _of_scale(channels: tuple[int, ...], classes: int) -> str:
    """Return what the maps of one size are, by the numbers of their channels, the smallest first."""
    if _DFL in channels:
        return _DISTRIBUTIONS
    match channels:
        case (one,):
            return _one_map(one, classes)
        case (4, _) | (1, 4, _):
            return _ANCHOR_FREE
        case (one, other) if one % 4 == 0 or other % 4 == 0:
            return _SSD_MAPS
        case (anchors, sides, _) if sides == 4 * anchors:
            return _FASTEST_V2
        case _:
            return ""


def _one_map(channels: int, classes: int) -> str:
    if channels == _DFL + classes:
        return _DISTRIBUTIONS
    if channels % 3 == 0 and channels > 15:
        return _ANCHOR_MAPS
    return _DISTRIBUTIONS if channels > _DFL else ""


def _of_tables(facts: Facts) -> str:
    """Look for a table of boxes beside one of scores, of as many anchors."""
    tables = [_table(value) for value in facts.outputs.values()]
    if len(tables) != 2:
        return ""
    for boxes, scores in (tables, tables[::-1]):
        if boxes.ndim == scores.ndim == 2 and boxes.shape[1] == 4 and len(boxes) in scores.shape and len(boxes) > 1:
            if not are_corners(boxes):
                return _ENCODED
            return "" if are_scores(scores) else _LOGITS
    return ""


def _table(value: Tensor) -> Tensor:
    """Return one picture's rows; TensorFlow's boxes have an axis of one among them."""
    one = of_one(value)
    return one[:, 0] if one.ndim == 3 and one.shape[1] == 1 else one
