"""Finds families by the names of their inputs and outputs, which their exporters fix."""

from __future__ import annotations

import numpy as np

from framehop.inference.recognise.facts import Facts
from framehop.inference.recognise.family import Match
from framehop.inference.recognise.values import are_ids, are_shares

_COCO_IDS = 91  # 0 to 90, where 90 is an object

_PADDLE = ("scale_factor", "im_shape")


_SOFTMAX = frozenset({"detr", "yolos", "table-transformer"})


def hugging_face(facts: Facts) -> Match | None:
    """Find the DETR family of Hugging Face: `logits` [N, Q, C] and `pred_boxes` [N, Q, 4]."""
    names = facts.named("logits", "pred_boxes")
    if names is None or not facts.outputs[names[0]].size:
        return None
    columns = facts.outputs[names[0]].shape[-1]
    softmax, why = _ends_in_no_object(facts, names[0], columns)
    return Match(
        head={"logits": names[0], "boxes": names[1], "scores": "softmax" if softmax else "sigmoid"},
        why=f"its outputs are called logits and pred_boxes; {why}",
        classes=columns - softmax,
    )


def _ends_in_no_object(facts: Facts, logits: str, columns: int) -> tuple[bool, str]:
    """Return whether the last of the columns means "no object", as it does with a softmax, and the reason."""
    if facts.config:
        return facts.config in _SOFTMAX, f"config.json says model_type: {facts.config}"
    if facts.labels and facts.labels in {columns, columns - 1}:
        return facts.labels < columns, f"there are {facts.labels} names for {columns} columns"
    if columns == _COCO_IDS + 1:
        return True, "there are 92 columns, COCO's ids and one for no object"
    if columns == 1:
        return False, "there is one column, so it is a class"
    silent = np.mean(facts.outputs[logits].reshape(-1, columns).argmax(axis=1) == columns - 1)
    most = bool(silent > 0.5)  # most queries of any picture see nothing
    return most, f"{'most' if most else 'few'} queries say the last class{', so it means no object' if most else ''}"


def detr_by_softmax(facts: Facts) -> Match | None:
    """Find DETR, YOLOS and Table Transformer, whose last column of logits means "no object"."""
    match = hugging_face(facts)
    return match if match and match.head["scores"] == "softmax" else None


def detr_of_coco_ids(facts: Facts) -> Match | None:
    """Find Deformable and Conditional DETR, which count COCO's ids, where RT-DETR counts its 80 classes."""
    match = _by_sigmoid(facts)
    return match if match and match.classes == _COCO_IDS else None


def detr_by_sigmoid(facts: Facts) -> Match | None:
    """Find RT-DETR and D-FINE of Hugging Face, whose every column of logits is a class."""
    match = _by_sigmoid(facts)
    return match if match and match.classes != _COCO_IDS else None


def _by_sigmoid(facts: Facts) -> Match | None:
    match = hugging_face(facts)
    return match if match and match.head["scores"] == "sigmoid" else None


def rfdetr(facts: Facts) -> Match | None:
    """Find RF-DETR: `dets` [N, Q, 4] and `labels` [N, Q, C + 1]. MMDeploy's `dets` have five columns."""
    names = facts.named("dets", "labels")
    if names is None or facts.outputs[names[0]].shape[-1] != 4:
        return None
    columns = facts.outputs[names[1]].shape[-1]
    background = facts.labels != columns and not (columns == _COCO_IDS and facts.labels != columns - 1)
    return Match(
        head={"dets": names[0], "labels": names[1], "background": background},
        why="its outputs are called dets and labels, and dets has four numbers per box",
        classes=columns - background,
    )


def mmdeploy(facts: Facts) -> Match | None:
    """Find MMDeploy's networks with suppression: `dets` [N, K, 5] and `labels` [N, K]."""
    names = facts.named("dets", "labels")
    if names is None or facts.outputs[names[0]].shape[-1] != 5:
        return None
    return Match(
        head={"dets": names[0], "labels": names[1]},
        why="its outputs are called dets and labels, and dets has five numbers per box",
    )


def flat_of_yolo_nas(facts: Facts) -> Match | None:
    """Find YOLO-NAS in its flat format: `flat_predictions` [M, 7], with the score before the class."""
    names = facts.named("flat_predictions")
    if names is None or facts.outputs[names[0]].shape[1:] != (7,):
        return None
    return Match(
        head={"output": names[0], "columns": "score-class"},
        why="its output is called flat_predictions, which is [M, 7]: picture, corners, score and class",
    )


_COUNTED = (
    ("num_dets", "det_boxes", "det_scores", "det_classes"),
    ("num_predictions", "pred_boxes", "pred_scores", "pred_classes"),
    ("num_dets", "boxes", "scores", "labels"),
    ("num_detections", "detection_boxes", "detection_scores", "detection_classes"),
)
_KEYS = ("count", "boxes", "scores", "classes")


def efficient_nms(facts: Facts) -> Match | None:
    """Find EfficientNMS and YOLO-NAS. TensorFlow's names are taken too where the boxes are pixels, which TensorFlow's never are."""
    for called in _COUNTED:
        names = facts.named(*called)
        if names and not (called is _COUNTED[-1] and are_shares(facts.outputs[names[1]])):
            return Match(head=dict(zip(_KEYS, names, strict=True)), why=f"its outputs are called {', '.join(called)}")
    return None


def tensorflow(facts: Facts) -> Match | None:
    """Find TensorFlow's Object Detection API by its four names, and by boxes in shares."""
    names = facts.named(*_COUNTED[-1])
    if names is None or not are_shares(facts.outputs[names[1]]):
        return None
    seen = np.any(facts.outputs[names[1]])
    shares = "its boxes are shares of the sides" if seen else "it finds nothing, so its boxes are taken for shares"
    return Match(
        head=dict(zip(_KEYS, names, strict=True)),
        why=f"its outputs are called {', '.join(_COUNTED[-1])}, and {shares}",
        classes=_columns(facts),
    )


def _columns(facts: Facts) -> int | None:
    """Return how many classes TensorFlow's further outputs show, with the background, whose label id is 0."""
    more = [facts.named(name) for name in ("detection_multiclass_scores", "raw_detection_scores")]
    return next((facts.outputs[names[0]].shape[-1] for names in more if names), None)


def paddle(facts: Facts) -> Match | None:
    """Find Paddle's networks, whose rows begin with the class."""
    inputs = [name for name in _PADDLE if name in facts.extra]
    rows = [
        (name, value.reshape(-1, 6))
        for name, value in facts.outputs.items()
        if value.dtype.kind == "f" and value.ndim in {2, 3} and value.shape[-1] == 6
    ]
    if not inputs or len(rows) != 1 or (rows[0][1].size and not are_ids(rows[0][1][:, 0])):
        return None
    return Match(
        head={"output": rows[0][0], "columns": "class-score-box"},
        why=f"it has the input {inputs[0]}, and its rows begin with a whole number, the class",
    )
