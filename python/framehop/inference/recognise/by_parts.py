"""Finds families whose boxes and scores are in outputs of their own, or on maps."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from framehop.inference.recognise.facts import Facts
from framehop.inference.recognise.family import Match
from framehop.inference.recognise.values import are_corners, are_scores, are_shares, of_one, sum_to_one
from framehop.inference.tensors import Tensor


class Pair(NamedTuple):
    """Outputs of boxes and scores of the same anchors. `boxes`: [A, 4], or [A, 1, 4]; `scores`: [A, C], turned if the network gives
    [C, A]."""

    of_boxes: str
    of_scores: str
    boxes: Tensor
    scores: Tensor
    turned: bool = False

    def head(self, **keys: object) -> dict[str, object]:
        """Return the keys of the head `boxes-scores`."""
        turned = {"classes_first": True} if self.turned else {}
        return {"boxes": self.of_boxes, "scores": self.of_scores, **keys, **turned}


def ssd(facts: Facts) -> Match | None:
    """Find TensorFlow's SSD, whose boxes have an axis too many."""
    pair = _pair(facts)
    if pair is None or pair.turned or pair.boxes.ndim != 3 or sum_to_one(pair.scores) or not _decoded(pair):
        return None
    return Match(
        head={"scores": pair.of_scores, "boxes": pair.of_boxes},
        why=f"it has boxes [{len(pair.boxes)}, 1, 4], as TensorFlow's, and scores [{len(pair.boxes)}, {pair.scores.shape[1]}]",
        classes=pair.scores.shape[1],
    )


def softmax_ssd(facts: Facts) -> Match | None:
    """Find an SSD with TensorFlow's boxes [A, 1, 4] whose scores are a softmax with the background."""
    pair = _pair(facts)
    if pair is None or pair.boxes.ndim != 3 or not sum_to_one(pair.scores) or not _decoded(pair):
        return None
    return _with_background(pair, box="yxyx")


def yolo_nas(facts: Facts) -> Match | None:
    """Find YOLO-NAS without suppression."""
    pair = _pair(facts)
    if pair is None or pair.boxes.ndim != 2 or are_shares(pair.boxes) or not are_corners(pair.boxes):
        return None
    if sum_to_one(pair.scores) and pair.scores.shape[1] > 1:
        return None
    return Match(
        head=pair.head(),
        why=f"it has boxes [{len(pair.boxes)}, 4] in pixels and scores [{len(pair.boxes)}, {pair.scores.shape[1]}]",
        classes=pair.scores.shape[1],
    )


def shares_xyxy(facts: Facts) -> Match | None:
    """Find boxes [A, 4] in shares beside scores, read as x before y; no number tells that from y before x."""
    return _shares(facts, "xyxy")


def shares_yxyx(facts: Facts) -> Match | None:
    """Find the same boxes as shares_xyxy, read as y before x."""
    return _shares(facts, "yxyx")


_THREE, _FOUR = (8, 16, 32), (8, 16, 32, 64)
_BINS = (8, 11, 17)  # of NanoDet, NanoDet-g and others
_OF_PADDLE = re.compile(r"\.tmp_\d+$|^p2o\.|^save_infer_model/")  # how Paddle calls what has no name of its own


def nanodet(facts: Facts) -> Match | None:
    """Find NanoDet: scores and distances for cells of 8, 16 and 32 pixels, in one output or in six."""
    return _whole(facts, _THREE, "nanodet") or _grids(facts, _THREE, "nanodet")


def nanodet_plus(facts: Facts) -> Match | None:
    """Find NanoDet-Plus: as NanoDet, with cells of 64 pixels too; Paddle's names rule it out."""
    if _by_paddle(facts):
        return None
    return _whole(facts, _FOUR, "nanodet-plus") or _grids(facts, _FOUR, "nanodet-plus")


def picodet(facts: Facts) -> Match | None:
    """Find PicoDet: four pairs of outputs as of NanoDet-Plus, whose cells' centres lie elsewhere."""
    return _grids(facts, _FOUR, "picodet")


def _by_paddle(facts: Facts) -> bool:
    return all(_OF_PADDLE.search(name) for name in facts.outputs)


def fastestdet(facts: Facts) -> Match | None:
    """Find FastestDet: one map [N, 5 + C, h, w], whose class scores are a softmax."""
    table = facts.table(4)
    if table is None or len(facts.outputs) != 1 or table[1].shape[1] < 6:
        return None
    name, value = table
    cells = value[0].reshape(value.shape[1], -1).T
    if not are_scores(cells[:, 0]) or not sum_to_one(cells[:, 5:]):
        return None
    return Match(
        head={"output": name},
        why=f"it has one map [5 + {cells.shape[1] - 5}, {value.shape[2]}, {value.shape[3]}] whose class scores add up to 1",
        classes=cells.shape[1] - 5,
    )


def _pair(facts: Facts) -> Pair | None:
    """Return the two outputs that are boxes and scores, if there are just these two."""
    if len(facts.outputs) != 2:
        return None
    first, second = ((name, of_one(value)) for name, value in facts.outputs.items())
    fits = [pair for pair in (_paired(first, second), _paired(second, first)) if pair is not None]
    if len(fits) == 2:  # four classes: only the names tell
        fits = [pair for pair in fits if "box" in pair.of_boxes.lower() or "score" in pair.of_scores.lower()]
    return fits[0] if len(fits) == 1 else None


def _paired(of_boxes: tuple[str, Tensor], of_scores: tuple[str, Tensor]) -> Pair | None:
    """Return the two as boxes and scores, if they can be. Scores are turned if only so they have a row for each box."""
    (name, boxes), (other, scores) = of_boxes, of_scores
    if not _are_boxes(boxes):
        return None
    if _are_scored(scores, len(boxes)):
        return Pair(name, other, boxes, scores)
    turned = scores.T if scores.ndim == 2 else scores
    return Pair(name, other, boxes, turned, turned=True) if _are_scored(turned, len(boxes)) else None


def _decoded(pair: Pair) -> bool:
    """Return whether the boxes are two corners each; what is relative to anchors is not."""
    return are_corners(pair.boxes.reshape(-1, 4))


def _are_boxes(value: Tensor) -> bool:
    return value.dtype.kind == "f" and (
        (value.ndim == 2 and value.shape[1] == 4) or (value.ndim == 3 and value.shape[1:] == (1, 4))
    )


def _are_scored(value: Tensor, anchors: int) -> bool:
    return value.dtype.kind == "f" and value.ndim == 2 and len(value) == anchors > 1 and are_scores(value)


def _shares(facts: Facts, box: str) -> Match | None:
    pair = _pair(facts)
    if pair is None or pair.boxes.ndim != 2 or not are_shares(pair.boxes) or not _decoded(pair):
        return None
    if sum_to_one(pair.scores) and pair.scores.shape[1] > 1:
        return _with_background(pair, box=box)
    return Match(
        head=pair.head(box=box, normalised=True),
        why=f"it has boxes [{len(pair.boxes)}, 4] in shares of the sides and scores",
        classes=pair.scores.shape[1],
    )


def _with_background(pair: Pair, *, box: str) -> Match:
    return Match(
        head=pair.head(box=box, normalised=are_shares(pair.boxes), background=True),
        why="it has boxes and scores, and the scores of a box add up to 1, so one column is the background",
        classes=pair.scores.shape[1] - 1,
    )


def _whole(facts: Facts, strides: tuple[int, ...], variant: str) -> Match | None:
    """Find NanoDet's one output of all grids: scores, and then logits of the distances."""
    table = facts.table(3)
    if (
        table is None
        or len(facts.outputs) != 1
        or table[1].shape[1] != sum(_cells(facts, stride) for stride in strides)
    ):
        return None
    name, value = table
    fits = [bins for bins in _BINS if are_scores(value[0, :, : -4 * bins]) and not are_scores(value[0, :, -4 * bins :])]
    if not fits:
        return None
    classes = value.shape[2] - 4 * fits[0]
    return Match(
        head={"whole": name, "strides": list(strides), "variant": variant, "bins": fits[0]},
        why=f"its output is [N, {value.shape[1]}, {classes} + {4 * fits[0]}]: scores and distances, for cells of"
        f" {', '.join(map(str, strides))} pixels",
        classes=classes,
    )


def _cells(facts: Facts, stride: int) -> int:
    return -(-facts.size[0] // stride) * -(-facts.size[1] // stride)


def _are_distances(value: Tensor) -> bool:
    """Return whether the columns are distributions of four distances. Four columns are the distances themselves, which NanoDet's
    head would read as nothing."""
    columns: int = value.shape[1]
    return columns % 4 == 0 and columns > 4


def _grids(facts: Facts, strides: tuple[int, ...], variant: str) -> Match | None:
    """Find NanoDet's two outputs per grid: 4 · (r + 1) columns of distances beside the scores."""
    if len(facts.outputs) != 2 * len(strides) or any(value.ndim != 3 for value in facts.outputs.values()):
        return None
    scores, boxes = [], []
    for stride in strides:
        here = [(name, value[0]) for name, value in facts.outputs.items() if value.shape[1] == _cells(facts, stride)]
        scored = [name for name, value in here if are_scores(value)]
        others = [name for name, value in here if not are_scores(value) and _are_distances(value)]
        if len(scored) != 1 or len(others) != 1:
            return None
        scores += scored
        boxes += others
    columns = {facts.outputs[name].shape[2] for name in scores}
    bins = {facts.outputs[name].shape[2] // 4 for name in boxes}
    if len(bins) != 1:
        return None
    return Match(
        head={"scores": scores, "boxes": boxes, "strides": list(strides), "variant": variant, "bins": bins.pop()},
        why=f"it has {len(strides)} pairs of outputs, scores and distances, for cells of {', '.join(map(str, strides))} pixels",
        classes=int(np.max([*columns])),
    )
