"""Finds families that give a row of numbers for each box: its class is one of them."""

from __future__ import annotations

import numpy as np

from framehop.inference.recognise.by_lists import MOST_FINISHED
from framehop.inference.recognise.by_shapes import rows_of
from framehop.inference.recognise.duplicates import has_duplicates
from framehop.inference.recognise.facts import Facts
from framehop.inference.recognise.family import Match
from framehop.inference.recognise.values import (
    are_corners,
    are_ids,
    are_scores,
    are_shares,
    readings,
)
from framehop.inference.tensors import Tensor

_QUARTER = 0.3  # of a side, and a little more


def deepstream(facts: Facts) -> Match | None:
    """Find DeepStream-Yolo's rows, [N, A, 6]: corners, score and class, which are not suppressed yet."""
    found = _finished_rows(facts)
    if found is None or not are_corners(found[1][:, :4]) or not _overlap(facts, found[1]):
        return None
    return Match(
        head={"output": found[0], "nms": True, "normalised": are_shares(found[1][:, :4])},
        why=f"its output is [N, {len(found[1])}, 6]: corners, score and a whole number, the class; boxes still overlap",
    )


def corner_rows(facts: Facts) -> Match | None:
    """Find finished rows [N, K, 6] that only two corners explain."""
    return _finished_as(facts, "xyxy")


def centre_rows(facts: Facts) -> Match | None:
    """Find finished rows [N, K, 6] in shares that only centre and sides explain."""
    return _finished_as(facts, "cxcywh")


def centernet(facts: Facts) -> Match | None:
    """Find CenterNet: [N, 100, 6] in pixels, or quarters of them, beside an input with the channels last."""
    found = _finished_rows(facts)
    if found is None or not _is_centernet(facts, found[1]):
        return None
    far = np.quantile(found[1][:, 2:4] / np.asarray(facts.size), 0.9)  # a few boxes reach beyond the canvas
    quarter = bool(far <= _QUARTER)
    return Match(
        head={"output": found[0], "stride": 4 if quarter else 1},
        why="its output is [N, 100, 6], and its input has the channels last"
        + ("; its boxes span a quarter of the input" if quarter else ""),
    )


def rows7(facts: Facts) -> Match | None:
    """Find YOLOv7's rows [M, 7], with the class before the score. It is the one that is taken where nothing is found at all."""
    return _rows7(facts, "class-score", class_at=5, score_at=6)


def rows7_of_yolo_nas(facts: Facts) -> Match | None:
    """Find YOLO-NAS' flat rows [M, 7], with the score before the class."""
    table = facts.table(2)
    return _rows7(facts, "score-class", class_at=6, score_at=5) if table and len(table[1]) else None


def _rows7(facts: Facts, columns: str, *, class_at: int, score_at: int) -> Match | None:
    table = facts.table(2)
    if table is None or table[1].shape[1] != 7:
        return None
    rows = table[1]
    if len(rows) and not (are_ids(rows[:, class_at]) and are_scores(rows[:, score_at]) and are_ids(rows[:, 0])):
        return None
    return Match(
        head={"output": table[0], "columns": columns},
        why=f"its output is [M, 7]: picture, corners, {columns.replace('-', ' and ')}",
    )


def efficientdet(facts: Facts) -> Match | None:
    """Find EfficientDet of Google's AutoML: [N, K, 7], picture, ymin, xmin, ymax, xmax in pixels, score, and class from 1."""
    found = rows_of_seven(facts)
    if found is None or not are_corners(found[1][:, 1:5]):
        return None
    name, rows = found
    return Match(
        head={
            "output": name,
            "columns": "image-box-score-class",
            "box": "yxyx",
            "normalised": bool(np.any(rows[:, 1:5])) and are_shares(rows[:, 1:5]),
        },
        why=f"its output is [N, {len(rows)}, 7]: picture, corners with y before x, score and class",
    )


def rows_of_seven(facts: Facts) -> tuple[str, Tensor] | None:
    """Return rows of a picture's number, a box, a score and a class, with an axis of the batch before them."""
    table = rows_of(facts, least=7)
    if table is None or table[1].shape[1] != 7 or facts.outputs[table[0]].ndim != 3:
        return None
    rows = table[1]
    return table if are_scores(rows[:, 5]) and are_ids(rows[:, 6]) and np.ptp(rows[:, 0]) == 0 else None


def _finished_rows(facts: Facts) -> tuple[str, Tensor] | None:
    """Return rows of a box, a score and a class."""
    table = rows_of(facts, least=6) or facts.table(2)
    if table is None or table[1].shape[1] != 6 or not len(table[1]):
        return None
    rows = table[1]
    return table if are_scores(rows[:, 4]) and are_ids(rows[:, 5]) else None


def _overlap(facts: Facts, rows: Tensor) -> bool:
    """Return whether the rows have not been suppressed yet: there is one for every cell, or equals overlap."""
    return facts.grid(len(rows)) is not None or len(rows) > MOST_FINISHED or has_duplicates(rows)


def _finished_as(facts: Facts, box: str) -> Match | None:
    found = _finished_rows(facts)
    if found is None or _is_centernet(facts, found[1]):
        return None
    name, rows = found
    if box not in readings(rows[:, :4], facts.size) or (are_corners(rows[:, :4]) and _overlap(facts, rows)):
        return None
    if not np.any(rows[:, :4]):
        return _empty_rows(name, len(rows), box)
    shares = are_shares(rows[:, :4])
    if box == "cxcywh" and not shares:
        return None
    return Match(
        head={"output": name, "box": box, "normalised": shares},
        why=f"its output is [N, {len(rows)}, 6]: {'shares of the sides' if shares else 'pixels'} that only"
        f" {'corners' if box == 'xyxy' else 'centre and sides'} explain, score and class",
    )


def _empty_rows(name: str, count: int, box: str) -> Match:
    """Return what rows without a box may be: corners in pixels, or centre and sides in shares. Zeros tell neither."""
    return Match(
        head={"output": name, "box": box, "normalised": box == "cxcywh"},
        why=f"its output is [N, {count}, 6], with nothing in it for the bundled picture; networks that give"
        f" {'corners give them in pixels' if box == 'xyxy' else 'centre and sides give them in shares'}",
    )


def _is_centernet(facts: Facts, rows: Tensor) -> bool:
    return facts.layout == "NHWC" and len(rows) == 100 and not are_shares(rows[:, :4])
