"""Finds families by what their exporter noted."""

from __future__ import annotations

import numpy as np

from framehop.inference.recognise.facts import Facts
from framehop.inference.recognise.family import Match
from framehop.inference.recognise.values import are_shares, form


def rtdetr_of_ultralytics(facts: Facts) -> Match | None:
    """Find RT-DETR of newer Ultralytics: six numbers per box, and the note `head: RTDETRDecoder`."""
    name = _six_columns(facts)
    if name is None or facts.notes.head != "RTDETRDecoder":
        return None
    return Match(
        head={"output": name, "box": "cxcywh", "normalised": True}, why="its metadata says head: RTDETRDecoder"
    )


def finished(facts: Facts) -> Match | None:
    """Find finished boxes in pixels. Older exports of RT-DETR have the same note, but shares of the sides; values tell them."""
    name = _six_columns(facts)
    if name is None or not facts.notes.finished or facts.notes.head == "RTDETRDecoder":
        return None
    boxes = facts.outputs[name].reshape(-1, 6)[:, :4]
    if np.any(boxes) and are_shares(boxes):
        return None
    return Match(
        head={"output": name}, why=f"its metadata says {facts.notes.finished}, and it gives six numbers per box"
    )


def counted_names(facts: Facts) -> Match | None:
    """Find YOLOv8's layout by the number of names."""
    table, names = facts.table(3), len(facts.notes.names)
    if not names or table is None or table[1].shape[1] != 4 + names or table[1].shape[2] <= 6:
        return None
    return Match(
        head={"output": table[0], "box": form(table[1][0, :4].T)},
        why=f"its output has 4 + {names} rows, and its metadata {names} names",
        classes=names,
    )


def _six_columns(facts: Facts) -> str | None:
    """Return the output that has six numbers per box."""
    table = facts.table(3)
    return table[0] if table is not None and table[1].shape[2] == 6 else None
