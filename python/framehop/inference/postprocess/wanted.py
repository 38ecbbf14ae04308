"""Selects the wanted objects among all that a model finds, by the threshold and the labels that a user typed."""

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
    """A filter for objects. `conf`: the least score, 0–1; None means the model's own. `label_ids`: ids to keep; None means all."""

    conf: float | None = None
    label_ids: frozenset[int] | None = None

    @classmethod
    def of(cls, labels: Mapping[int, str], conf: float | None, classes: Sequence[str]) -> Wanted:
        """Make the filter from a user's input. `classes`: names out of `labels`, in any case, or label ids; empty means all. Raises
        ConfigError naming the labels that there are."""
        if conf is not None and not (math.isfinite(conf) and 0.0 <= conf <= 1.0):
            raise ConfigError(f"conf must be between 0 and 1, not {conf}")
        if isinstance(classes, str):
            raise ConfigError(f"classes is a list of labels, as in [{classes!r}], not one text")
        ids = [found for text in classes for found in _ids_of(text.strip(), labels)]
        return cls(conf=conf, label_ids=frozenset(ids) if classes else None)

    def threshold(self, of_model: float) -> float:
        return of_model if self.conf is None else self.conf

    def pick(self, found: Candidates) -> Candidates:
        """Keep the candidates with a wanted label. Call it before suppression, so that an unwanted object hides no wanted one."""
        if self.label_ids is None:
            return found
        kept = np.isin(found.label_ids, list(self.label_ids))
        return Candidates(found.boxes[kept], found.scores[kept], found.label_ids[kept])


def _ids_of(text: str, labels: Mapping[int, str]) -> list[int]:
    """Return the label ids that `text` names. It is taken as a name first, as a label may be called "7"."""
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
