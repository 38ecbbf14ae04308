"""Selects the wanted objects among all that a model finds, by the thresholds and the labels that a user typed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from framehop.errors import ConfigError
from framehop.inference.postprocess.candidates import Candidates

_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A filter for objects. `conf`: the least score, 0–1; None means the model's own. `conf_of`: the least score of single label
    ids, in place of that one. `label_ids`: ids to keep; None means all. `excluded`: ids to drop all the same."""

    conf: float | None = None
    conf_of: Mapping[int, float] = field(default_factory=dict)
    label_ids: frozenset[int] | None = None
    excluded: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls,
        labels: Mapping[int, str],
        conf: float | None = None,
        classes: Sequence[str] = (),
        *,
        class_conf: Mapping[str, float] = MappingProxyType({}),
        exclude: Sequence[str] = (),
    ) -> Wanted:
        """Make the filter from a user's input. `classes`, `exclude` and the keys of `class_conf`: names out of `labels`, in any
        case, or label ids. Empty `classes` means all. Raises ConfigError naming the labels that there are."""
        return cls(
            conf=conf,
            conf_of=_by_id(class_conf, labels),
            label_ids=_ids("classes", classes, labels) if classes else None,
            excluded=_ids("exclude", exclude, labels),
        )

    def threshold(self, of_model: float) -> float:
        """Return the least score that an object of any label needs. `of_model`: the model's own threshold."""
        return min([self._usual(of_model), *self.conf_of.values()])

    def _usual(self, of_model: float) -> float:
        return of_model if self.conf is None else self.conf

    def pick(self, found: Candidates, of_model: float) -> Candidates:
        """Keep the candidates that have a wanted label and reach its threshold. Call it before suppression, so that an unwanted
        object hides no wanted one."""
        if self.label_ids is None and not self.excluded and not self.conf_of:
            return found
        kept = found.scores >= self._thresholds(found.label_ids, of_model)
        kept &= ~np.isin(found.label_ids, list(self.excluded))
        if self.label_ids is not None:
            kept &= np.isin(found.label_ids, list(self.label_ids))
        return Candidates(found.boxes[kept], found.scores[kept], found.label_ids[kept])

    def _thresholds(self, label_ids: NDArray[np.int32], of_model: float) -> NDArray[np.float32]:
        thresholds = np.full(len(label_ids), self._usual(of_model), np.float32)
        for label_id, conf in self.conf_of.items():
            thresholds[label_ids == label_id] = conf
        return thresholds


def _by_id(class_conf: Mapping[str, float], labels: Mapping[int, str]) -> dict[int, float]:
    return {found: conf for text, conf in class_conf.items() for found in _ids_of("conf", text.strip(), labels)}


def _ids(what: str, texts: Sequence[str], labels: Mapping[int, str]) -> frozenset[int]:
    if isinstance(texts, str):
        raise ConfigError(f"{what} is a list of labels, as in [{texts!r}], not one text")
    return frozenset(found for text in texts for found in _ids_of(what, text.strip(), labels))


def _ids_of(what: str, text: str, labels: Mapping[int, str]) -> list[int]:
    """Return the label ids that `text` names. It is taken as a name first, as a label may be called "7"."""
    for same in (text, text.casefold()):
        if found := [number for number, name in labels.items() if same in {name, name.casefold()}]:
            return found
    if text.isascii() and text.isdigit() and int(text[:12]) in labels:
        return [int(text[:12])]
    raise ConfigError(f"{what}: the model has no label {text[:64]!r}{_instead(text[:64], labels)}")


def _instead(text: str, labels: Mapping[int, str]) -> str:
    names = {name.casefold(): name for name in labels.values()}
    if near := difflib.get_close_matches(text.casefold(), names, n=3):
        return f"; near to it: {', '.join(names[name] for name in near)}"
    listed = [f"{name} ({number})" for number, name in list(labels.items())[:_SHOWN]]
    more = f" and {len(labels) - _SHOWN} more, in its model.yaml" if len(labels) > _SHOWN else ""
    return f"; it has {', '.join(listed)}{more}"
