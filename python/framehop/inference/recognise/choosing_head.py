"""Chooses the keys of the head, each with the reason that is really its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from framehop.inference.head_overrides import keys_of, make_head_spec
from framehop.inference.head_specs import HeadSpec
from framehop.inference.recognise.choices import ReasonedChoices
from framehop.inference.recognise.find import Fit
from framehop.inference.recognise.labels import Labelled

_EMPTY: tuple[object, ...] = ("", (), [])  # a key that this network does not need


def choose_head(
    choices: ReasonedChoices,
    said: Mapping[str, object],
    found: Fit,
    labelled: Labelled,
    *,
    outputs: Collection[str],
    where: str,
) -> HeadSpec:
    """Return the head: what the sidecar says of it, then what was found, then what is usual. `outputs`: names of the network's;
    `where`: opens the message. Raises ModelError naming a key that is missing."""
    keys = {"first_label_id": labelled.first, **found.match.head, **said, "name": found.family.head}
    head = make_head_spec(keys, where=where)
    for key, value in keys_of(head).items():
        if value not in _EMPTY:
            choices.take(f"head.{key}", said.get(key), value, _why(key, value, found, labelled, outputs))
    return head


def _why(key: str, value: object, found: Fit, labelled: Labelled, outputs: Collection[str]) -> str:
    if key == "first_label_id" and key not in found.match.head:
        return labelled.why if labelled.first else "classes are counted from 0 unless something says otherwise"
    if key == "name":
        return found.match.why
    if key not in found.match.head:
        return f"usual for the head {found.family.head}"
    if isinstance(value, str) and value in outputs:
        return "its only output" if len(outputs) == 1 else "the output that fits"
    return "found along with head.name"
