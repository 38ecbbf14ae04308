"""Chooses the names of the classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from framehop.errors import ModelError
from framehop.inference.recognise.beside import Beside
from framehop.inference.recognise.notes import Notes
from framehop.inference.registry import BUILT_IN
from framehop.inference.sidecar import Model, read_sidecar

_BACKGROUND = frozenset({"background", "bg", "none", "n/a", "unlabeled"})
_NAMELESS = re.compile(r"LABEL_\d+|class_?\d+")  # what exporters write that know no names


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The labels of a model. `first`: the label id of class 0. `why`: a clause."""

    names: dict[int, str]
    first: int
    why: str


def choose_labels(model: Model, notes: Notes, beside: Beside, *, classes: int | None, first: int | None) -> Labelled:
    """Return names for `classes` classes, None if the outputs do not show how many there are. `first`: as the sidecar or the family
    says, None if neither does. Raises ModelError if names and classes do not match."""
    for source in _sources(model, notes, beside):
        if first is None and _begins_at_one(source.names, classes):
            return Labelled(names=source.names, first=1, why=f"{source.why}, and the first class is number 1")
        _check(source, classes, first or 0)
        return Labelled(names=source.names, first=first or 0, why=source.why)
    return _usual(classes, first, notes)


class _Source(NamedTuple):
    """Names and where they come from. `complete`: they should name every class."""

    names: dict[int, str]
    why: str
    complete: bool = True


def _sources(model: Model, notes: Notes, beside: Beside) -> Iterator[_Source]:
    if model.overrides.labels:
        yield _Source(model.overrides.labels, f"{model.where.name} says so", complete=False)
    if _named(notes.names):
        yield _Source(notes.names, "the metadata names them")
    if beside.labels and _named(beside.labels.names):
        yield _Source(beside.labels.names, f"{beside.labels.source} beside it names them")


def _begins_at_one(names: dict[int, str], classes: int | None) -> bool:
    """Return whether the names count the classes from 1, with nothing or the background before them."""
    return max(names) == classes and names.get(0, "background").strip("_ ").casefold() in _BACKGROUND


def _named(names: dict[int, str]) -> bool:
    return any(not _NAMELESS.fullmatch(name) for name in names.values())


def _check(source: _Source, classes: int | None, first: int) -> None:
    """Raise ModelError if labels name classes that there are not, or leave classes without one. COCO's own table has gaps, so only
    the last class counts."""
    names = source.names
    if classes is None:
        return
    beyond = any(not first <= label_id < first + classes for label_id in names)
    if beyond or (source.complete and len(names) != classes and max(names) != first + classes - 1):
        raise ModelError(
            f"labels: there are {len(names)} names, from {min(names)} to {max(names)} ({source.why}), but the network has {classes}"
            f" classes, from {first} to {first + classes - 1}: give the labels that it was trained with in model.yaml"
        )


def _usual(classes: int | None, first: int | None, notes: Notes) -> Labelled:
    coco = dict(read_sidecar(BUILT_IN["coco-ssd"]).labels)
    unread = "; the metadata has names, but they cannot be read" if notes.unreadable else ""
    if classes == len(coco):
        names = dict(enumerate(coco.values(), first or 0))
        return Labelled(
            names=names, first=first or 0, why=f"nothing names them{unread}; 80 classes are taken for COCO's"
        )
    if classes in {90, 91}:
        start = (1 if classes == 90 else 0) if first is None else first
        return Labelled(
            names=coco, first=start, why=f"nothing names them{unread}; {classes} classes are taken for COCO's ids"
        )
    return Labelled(names={}, first=first or 0, why=f"nothing names them{unread}; they are shown as numbers")
