"""Finds the family of a network: by metadata, then by names, then by shapes and values; of several, the one that sees an object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, get_args

from framehop.errors import ModelError
from framehop.inference.head_overrides import keys_of, make_head_spec
from framehop.inference.recognise.facts import Facts
from framehop.inference.recognise.families import FAMILIES
from framehop.inference.recognise.family import Evidence, Family, Match
from framehop.inference.recognise.refusals import ambiguous, unknown

# A network that gets its pictures prepared in a wrong way sees next to nothing.
SURE, RIVAL = 0.3, 0.5


class Fit(NamedTuple):
    """A family that fits, and how."""

    family: Family
    match: Match

    def seen_so(self, score: float, otherwise: float) -> Fit:
        """Return the family with the scores on the bundled picture as the reason of its range of values."""
        why = f"so it sees something with {score:.2f} on the bundled picture, and else with {otherwise:.2f}"
        preparation = replace(self.family.preparation, why=why)
        return self._replace(family=replace(self.family, preparation=preparation))


Sees = Callable[[Fit], float]


def find(facts: Facts, said: Mapping[str, object] | None, sees: Sees, *, prepared: bool) -> Fit | None:
    """Return the family of a network, by all its outputs or else by one that is beside others. `said`: the head in the sidecar,
    whose keys it must have. `sees`: returns the best score on the bundled picture, prepared as the family asks. `prepared`: the
    sidecar says how pictures are prepared.

    Returns None if the sidecar names a head that no family fulfils. Raises ModelError if no family fits, or several equally well.
    """
    for looked_at in (facts.whole, facts.each_alone):
        for evidence in get_args(Evidence):
            if found := _fitting(evidence, looked_at(), said or {}):
                return _best(found, sees, prepared)
    if said:
        return _of_that_head(facts, said)
    raise ModelError(unknown(facts))


def _fitting(evidence: Evidence, looked_at: Iterable[Facts], said: Mapping[str, object]) -> list[Fit]:
    return [one for facts in looked_at for one in _matching(facts, evidence) if _agrees(one, said)]


def _of_that_head(facts: Facts, said: Mapping[str, object]) -> Fit | None:
    """Return how outputs bind to the head that the sidecar names, although it contradicts them otherwise: the sidecar wins."""
    for evidence in get_args(Evidence):
        for one in _matching(facts, evidence):
            if one.family.head == said["name"]:
                closest = family_of(said)
                return one._replace(family=closest) if closest.keys else one
    return None


def likely_head(facts: Facts, wrong: object) -> str:
    """Return a clause that says which head the outputs are of, or an empty text if that is not known, or is the `wrong` one."""
    for evidence in get_args(Evidence):
        for family, match in _matching(facts, evidence):
            if family.head == wrong:
                return ""
            return f"it looks like {family.title}, head.name: {family.head}, as {match.why}"
    return ""


def family_of(said: Mapping[str, object]) -> Family:
    """Return the family of the head that a sidecar names, for what it leaves out: of several the one with most of its keys."""
    named = [family for family in FAMILIES if family.head == said["name"]]
    fitting = [family for family in named if all(said.get(key) == value for key, value in family.keys.items())]
    return max(fitting or named, key=lambda family: len(family.keys))


def _matching(facts: Facts, evidence: Evidence) -> Iterator[Fit]:
    for family in FAMILIES:
        if family.evidence == evidence and (match := _match(family, facts)):
            yield Fit(family, match)


def _match(family: Family, facts: Facts) -> Match | None:
    """Return how the family fits. Finders take outputs apart as theirs would be; one that cannot be taken apart so is another's."""
    try:
        return family.find(facts)
    except (IndexError, ValueError):
        return None


def _agrees(found: Fit, said: Mapping[str, object]) -> bool:
    """Return whether the sidecar's head is the family's, with the same keys. Where its labels begin is the user's choice."""
    keys = keys_of(make_head_spec({**found.match.head, "name": found.family.head}, where=found.family.title))
    return all(key == "first_label_id" or keys.get(key) == value for key, value in said.items())


def _best(found: list[Fit], sees: Sees, prepared: bool) -> Fit:
    """Return the only family; of several that differ in nothing but the preparation of pictures, the one that sees an object."""
    if len(found) == 1:
        return found[0]
    same = all((one.family.head, one.match.head) == (found[0].family.head, found[0].match.head) for one in found)
    if same and prepared:
        return found[0]
    if same and (best := _sees_best(found, sees)):
        return best
    raise ModelError(ambiguous([one.family for one in found], _deciding(found, same=same)))


def _sees_best(found: list[Fit], sees: Sees) -> Fit | None:
    """Return the family that sees something on the bundled picture while the others see next to nothing, if there is one."""
    (best, at), (second, _) = sorted(((sees(one), index) for index, one in enumerate(found)), reverse=True)[:2]
    return found[at].seen_so(best, second) if best >= SURE and second <= best * RIVAL else None


def _deciding(found: list[Fit], *, same: bool) -> list[str]:
    """Return the keys of `model.yaml` that would decide."""
    if same:
        return ["resize.mode", "input.colour", "input.scale"]
    keys = {key for one in found for key, value in one.match.head.items() if value != found[0].match.head.get(key)}
    named = len({one.family.head for one in found}) > 1
    return ["head.name" if named else f"head.name: {found[0].family.head}", *(f"head.{key}" for key in sorted(keys))]
