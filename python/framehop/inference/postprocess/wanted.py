"""Which objects are wanted of a model that finds more: a threshold and labels that somebody typed."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from framehop.errors import ConfigError
from framehop.inference.postprocess.candidates import Candidates

_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`conf`: the least score, 0 to 1; None for the model's own. `label_ids`: the only ones to be kept; None for all."""

    conf: float | None = None
    label_ids: frozenset[int] | None = None

    @classmethod
    def of(cls, labels: Mapping[int, str], conf: float | None, classes: Sequence[str]) -> Wanted:
        """From what was typed. `classes`: names out of `labels`, whatever their case, or label ids; none for all. Raises
        ConfigError naming what there is instead."""
        if conf is not None and not (math.isfinite(conf) and 0.0 <= conf <= 1.0):
            raise ConfigError(f"conf must be between 0 and 1, not {conf}")
        if isinstance(classes, str):
            raise ConfigError(f"classes is a list of labels, as in [{classes!r}], not one text")
        ids = [found for text in classes for found in _ids_of(text.strip(), labels)]
        return cls(conf=conf, label_ids=frozenset(ids) if classes else None)

    def threshold(self, of_model: float) -> float:
        return of_model if self.conf is None else self.conf

    def pick(self, found: Candidates) -> Candidates:
        """Those with a label that is wanted. Done before suppression: what nobody asked for hides nothing."""
        if self.label_ids is None:
            return found
        kept = np.isin(found.label_ids, list(self.label_ids))
        return Candidates(found.boxes[kept], found.scores[kept], found.label_ids[kept])


def _ids_of(text: str, labels: Mapping[int, str]) -> list[int]:
    """A name before a number: a label may be called "7"."""
    for same in (text, text.casefold()):
        if found := [number for number, name in labels.items() if same in {name, name.casefold()}]:
            return found
    if text.isascii() and text.isdigit() and int(text[:12]) in labels:
        return [int(text[:12])]
    raise ConfigError(f"classes: the model has no label {text[:64]!r}{_instead(text[:64], labels)}")


def _instead(text: str, labels: Mapping[int, str]) -> str:
    names = {name.casefold(): name for name in labels.values()}
    if near := difflib.get_close_matches(text.casefold(), names, n=3):
        return f"; near to it: {', '.join(names[name] for name in near)}"
    listed = [f"{name} ({number})" for number, name in list(labels.items())[:_SHOWN]]
    more = f" and {len(labels) - _SHOWN} more, in its model.yaml" if len(labels) > _SHOWN else ""
    return f"; it has {', '.join(listed)}{more}"
