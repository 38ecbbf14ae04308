"""Finds families that have a row or a column of numbers for each anchor, by its shape, and by the values on a picture with objects
where shapes are alike."""

from __future__ import annotations

from framehop.inference.recognise.facts import Facts
from framehop.inference.recognise.family import Match
from framehop.inference.recognise.values import (
    are_corners,
    are_decoded,
    are_ids,
    are_offsets,
    are_scores,
    form,
)
from framehop.inference.tensors import Tensor

_COCO = 80


def yolov8(facts: Facts) -> Match | None:
    """Find YOLOv8's layout, [N, 4 + C, A]: decoded boxes over the whole picture, then scores."""
    table = facts.table(3)
    if table is None or not 5 <= table[1].shape[1] < table[1].shape[2]:
        return None
    name, value = table
    boxes, scores = value[0, :4].T, value[0, 4:].T
    if not are_decoded(boxes, facts.size) or not are_scores(scores):
        return None
    return Match(
        head={"output": name, "box": form(boxes)},
        why=f"its output is [N, 4 + {scores.shape[1]}, {len(boxes)}]: boxes in pixels, then scores{_of(facts, len(boxes))}",
        classes=scores.shape[1],
    )


def yolov5(facts: Facts) -> Match | None:
    """Find YOLOv5 and v7: [N, A, 5 + C], decoded, with three boxes per cell."""
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
    """Find YOLOX that decodes inside: [N, A, 5 + C] with one box per cell, whose objectness is not 1 everywhere."""
    found = _with_objectness(facts)
    if found is None or _per_cell(facts, found) == 3 or bool((found[1][:, 4] == 1).all()):
        return None
    return _decoded(facts, found)


def yolox(facts: Facts) -> Match | None:
    """Find YOLOX that is not decoded: [N, A, 5 + C] with one box per cell: offsets and logarithms."""
    table = rows_of(facts, least=6)
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


def _with_objectness(facts: Facts) -> tuple[str, Tensor] | None:
    """Return rows of a decoded box, an objectness and class scores."""
    table = rows_of(facts, least=6)
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


def rows_of(facts: Facts, *, least: int) -> tuple[str, Tensor] | None:
    """Return the only table of boxes, one a row, with at least so many columns: its name and one picture's rows."""
    table = facts.table(3)
    if table is None or table[1].shape[2] < least or len(table[1]) != 1 or not table[1].size:
        return None
    return table[0], table[1][0]
