"""Finds families by the shapes of their outputs, and by their values on a picture with objects where shapes are alike."""

from __future__ import annotations

import numpy as np

from framehop.inference.recognise.duplicates import has_duplicates
from framehop.inference.recognise.facts import Facts
from framehop.inference.recognise.family import Match
from framehop.inference.recognise.values import (
    are_corners,
    are_decoded,
    are_ids,
    are_offsets,
    are_scores,
    are_shares,
    readings,
)
from framehop.inference.tensors import Tensor

_COCO = 80
_MOST_FINISHED = 1000  # no exporter gives more finished boxes
_QUARTER = 0.3  # of a side, and a little more


def yolov8(facts: Facts) -> Match | None:
    table = facts.table(3)
    if table is None or not 5 <= table[1].shape[1] < table[1].shape[2]:
        return None
    name, value = table
    boxes, scores = value[0, :4].T, value[0, 4:].T
    if not are_decoded(boxes, facts.size) or not are_scores(scores):
        return None
    return Match(
        head={"output": name},
        why=f"its output is [N, 4 + {scores.shape[1]}, {len(boxes)}]: boxes in pixels, then scores{_of(facts, len(boxes))}",
        classes=scores.shape[1],
    )


def yolov5(facts: Facts) -> Match | None:
    found = _with_objectness(facts)
    if found is None or _per_cell(facts, found) != 3:
        return None
    return _decoded(facts, found)


def yolov6(facts: Facts) -> Match | None:
    """Find YOLOv6, whose objectness is 1 everywhere, or may be: the try of both ways to prepare a picture decides the rest."""
    found = _with_objectness(facts)
    if found is None or _per_cell(facts, found) == 3:
        return None
    return _decoded(facts, found)


def yolox_decoded(facts: Facts) -> Match | None:
    found = _with_objectness(facts)
    if found is None or _per_cell(facts, found) == 3 or bool((found[1][:, 4] == 1).all()):
        return None
    return _decoded(facts, found)


def yolox(facts: Facts) -> Match | None:
    table = _rows(facts, least=6)
    if table is None:
        return None
    name, rows = table
    grid = facts.grid(len(rows))
    if grid is None or grid.per_cell != 1 or not are_scores(rows[:, 4:]) or not are_offsets(rows[:, :4]):
        return None
    return Match(
        head={"output": name, "strides": list(grid.strides)},
        why=f"its output is [N, {len(rows)}, 5 + {rows.shape[1] - 5}], {grid}; sides below zero show that it is not decoded",
        classes=rows.shape[1] - 5,
    )


def deepstream(facts: Facts) -> Match | None:
    found = _finished_rows(facts)
    if found is None or not are_corners(found[1][:, :4]) or not _overlap(facts, found[1]):
        return None
    return Match(
        head={"output": found[0], "nms": True, "normalised": are_shares(found[1][:, :4])},
        why=f"its output is [N, {len(found[1])}, 6]: corners, score and a whole number, the class; boxes still overlap",
    )


def corner_rows(facts: Facts) -> Match | None:
    return _finished_as(facts, "xyxy")


def centre_rows(facts: Facts) -> Match | None:
    return _finished_as(facts, "cxcywh")


def centernet(facts: Facts) -> Match | None:
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
    table = facts.table(2)
    if table is None or table[1].shape[1] != 7:
        return None
    rows = table[1]
    if len(rows) and not (are_ids(rows[:, 5]) and are_scores(rows[:, 6]) and are_ids(rows[:, 0])):
        return None
    return Match(head={"output": table[0]}, why="its output is [M, 7]: picture, corners, class and score")


def _rows(facts: Facts, *, least: int) -> tuple[str, Tensor] | None:
    """Return the only table of boxes, one a row, with at least so many columns: its name and one picture's rows."""
    table = facts.table(3)
    if table is None or table[1].shape[2] < least or len(table[1]) != 1 or not table[1].size:
        return None
    return table[0], table[1][0]


def _with_objectness(facts: Facts) -> tuple[str, Tensor] | None:
    """Return rows of a decoded box, an objectness and class scores."""
    table = _rows(facts, least=6)
    if table is None or _has_no_objectness(facts, table[1]):
        return None
    fits = are_decoded(table[1][:, :4], facts.size) and are_scores(table[1][:, 4:])
    return table if fits else None


def _has_no_objectness(facts: Facts, rows: Tensor) -> bool:
    """Return whether column 4 is something else: the score of a finished box, or the first class of a YOLOv8 that was turned."""
    columns = rows.shape[1]
    if columns == 6 and are_ids(rows[:, 5]) and are_corners(rows[:, :4]):
        return True
    return facts.labels == columns - 4 or (facts.labels == 0 and columns == 4 + _COCO)


def _per_cell(facts: Facts, found: tuple[str, Tensor]) -> int:
    grid = facts.grid(len(found[1]))
    return grid.per_cell if grid else 0


def _decoded(facts: Facts, found: tuple[str, Tensor]) -> Match:
    name, rows = found
    return Match(
        head={"output": name},
        why=f"its output is [N, {len(rows)}, 5 + {rows.shape[1] - 5}]: boxes in pixels, objectness, classes{_of(facts, len(rows))}",
        classes=rows.shape[1] - 5,
    )


def _of(facts: Facts, anchors: int) -> str:
    grid = facts.grid(anchors)
    return f"; {grid}" if grid else ""


def _finished_rows(facts: Facts) -> tuple[str, Tensor] | None:
    """Return rows of a box, a score and a class."""
    table = _rows(facts, least=6) or facts.table(2)
    if table is None or table[1].shape[1] != 6 or not len(table[1]):
        return None
    rows = table[1]
    return table if are_scores(rows[:, 4]) and are_ids(rows[:, 5]) else None


def _overlap(facts: Facts, rows: Tensor) -> bool:
    """Return whether the rows have not been suppressed yet: there is one for every cell, or equals overlap."""
    return facts.grid(len(rows)) is not None or len(rows) > _MOST_FINISHED or has_duplicates(rows)


def _finished_as(facts: Facts, box: str) -> Match | None:
    found = _finished_rows(facts)
    if found is None or _is_centernet(facts, found[1]):
        return None
    name, rows = found
    if box not in readings(rows[:, :4], facts.size) or (are_corners(rows[:, :4]) and _overlap(facts, rows)):
        return None
    shares = are_shares(rows[:, :4])
    if box == "cxcywh" and not shares:
        return None
    return Match(
        head={"output": name, "box": box, "normalised": shares},
        why=f"its output is [N, {len(rows)}, 6]: {'shares of the sides' if shares else 'pixels'} that only"
        f" {'corners' if box == 'xyxy' else 'centre and sides'} explain, score and class",
    )


def _is_centernet(facts: Facts, rows: Tensor) -> bool:
    return facts.layout == "NHWC" and len(rows) == 100 and not are_shares(rows[:, :4])
