"""Finds families that give boxes, scores and labels in three lists, an entry per box."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from framehop.inference.recognise.duplicates import has_duplicates
from framehop.inference.recognise.facts import Facts
from framehop.inference.recognise.family import Match
from framehop.inference.recognise.values import are_corners, are_ids, are_scores, are_shares, form, of_one
from framehop.inference.tensors import Tensor

MOST_FINISHED = 1000  # no exporter gives more finished boxes


class Lists(NamedTuple):
    """One picture's boxes, [k, 4], scores, [k], and labels, [k]."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor


def deployed_rtdetr(facts: Facts) -> Match | None:
    """Find RT-DETR, D-FINE and DEIM as deployed: `labels`, `boxes` in pixels and `scores`, of a few hundred queries."""
    names = facts.named("labels", "boxes", "scores")
    if names is None or facts.outputs[names[1]].shape[-1] != 4 or are_shares(facts.outputs[names[1]]):
        return None
    if facts.named("num_dets"):  # MMYOLO's rows from the count on mean nothing
        return None
    if facts.outputs[names[1]].shape[-2] > MOST_FINISHED:  # the boxes of all anchors
        return None
    by_input = "orig_target_sizes" in facts.extra
    return Match(
        head=dict(zip(("labels", "boxes", "scores"), names, strict=True)),
        why="its outputs are called labels, boxes and scores" + (", its input orig_target_sizes" if by_input else ""),
    )


def of_the_model_zoo(facts: Facts) -> Match | None:
    """Find the SSD of ONNX's model zoo: `bboxes` in shares, x before y, `labels` and `scores`."""
    names = facts.named("labels", "bboxes", "scores")
    lists = _lists(facts, names)
    if names is None or lists is None or not are_shares(lists.boxes) or not are_corners(lists.boxes):
        return None
    return Match(
        head={**_bound(names), "normalised": True},
        why="its outputs are called bboxes, labels and scores, and its boxes are shares of the sides",
    )


_CALLED = ("classes", "class_idx", "labels")


def of_deepstream(facts: Facts) -> Match | None:
    """Find YOLO as older DeepStream-Yolo and chips want it: `boxes`, the best class of each, and its `scores`, of every anchor."""
    for called in _CALLED:
        names = facts.named(called, "boxes", "scores")
        lists = _lists(facts, names)
        if names and lists and _are_unsuppressed(facts, lists, called):
            box = form(lists.boxes)
            return Match(
                head={**_bound(names), "box": box, "normalised": are_shares(lists.boxes), "nms": True},
                why=f"its outputs are called boxes, scores and {called}, and its {len(lists.boxes)} boxes still overlap",
            )
    return None


def of_torchvision(facts: Facts) -> Match | None:
    """Find torchvision's three outputs, which its exporter leaves without names. Labels are integers, and scores are not."""
    values = {name: of_one(value) for name, value in facts.outputs.items()}
    boxes = [name for name, value in values.items() if value.dtype.kind == "f" and value.shape[1:] == (4,)]
    if len(values) != 3 or len(boxes) != 1 or are_shares(values[boxes[0]]):
        return None
    lists = {name: value.reshape(-1) for name, value in values.items() if name != boxes[0]}
    if any(len(value) != len(values[boxes[0]]) for value in lists.values()):
        return None
    labels = [name for name, value in lists.items() if value.dtype.kind in "iu"]
    scores = [
        name for name, value in lists.items() if value.dtype.kind == "f" and (not len(value) or are_scores(value))
    ]
    if len(labels) != 1 or len(scores) != 1 or len(values[boxes[0]]) > MOST_FINISHED:
        return None
    return Match(
        head={"boxes": boxes[0], "labels": labels[0], "scores": scores[0]},
        why="it has boxes of corners in pixels, scores, and whole numbers, the labels",
    )


def _bound(names: tuple[str, ...]) -> dict[str, object]:
    return dict(zip(("labels", "boxes", "scores"), names, strict=True))


def _lists(facts: Facts, names: tuple[str, ...] | None) -> Lists | None:
    """Return the outputs `names`, labels, boxes and scores, if they are lists of the same boxes, and there is nothing else: where
    there is a count of boxes too, rows beyond it mean nothing."""
    if names is None or len(facts.outputs) != len(names):
        return None
    labels, boxes, scores = (facts.outputs[name] for name in names)
    found = Lists(boxes.reshape(-1, boxes.shape[-1]), scores.reshape(-1), labels.reshape(-1))
    fits = boxes.shape[-1] == 4 and len(found.boxes) == len(found.scores) == len(found.labels) > 0
    return found if fits and are_scores(found.scores) and are_ids(found.labels) else None


def _are_unsuppressed(facts: Facts, lists: Lists, called: str) -> bool:
    """Return whether there is a box for every cell, or equals overlap. `called`: the name of the labels; where that is RT-DETR's,
    its few hundred queries may overlap a little and need no suppression."""
    if len(lists.boxes) > MOST_FINISHED:
        return True
    if called == "labels":
        return False
    if facts.grid(len(lists.boxes)) is not None:
        return True
    return are_corners(lists.boxes) and has_duplicates(np.column_stack([lists.boxes, lists.scores, lists.labels]))
